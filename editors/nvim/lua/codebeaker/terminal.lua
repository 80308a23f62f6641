--- A terminal buffer that shows what runs of one document print, and types into what runs.
---
--- It is made by `nvim_open_term`, so colours, cursor movements and large outputs are Neovim's own. What a program
--- prints passes a filter first; see codebeaker.ansi.

local ansi = require("codebeaker.ansi")

---@class codebeaker.Terminal
---@field buffer integer
---@field channel integer
---@field name string
---@field filter fun(piece: string): string
---@field execution? codebeaker.Execution what typing goes to
---@field at_line_start boolean whether nothing is in the cursor's line yet
---@field is_starting? boolean whether a run was asked for that the daemon has not answered yet
---@field typed_ahead string what was typed since
---@field other_screen? boolean whether a program has the terminal's other screen on
---@field width? integer
---@field height? integer
local Terminal = {}
Terminal.__index = Terminal

local M = {}

---@type table<string, codebeaker.Terminal>
local terminals = {}

local DIM, RED, GREEN, RESET = "\27[2m", "\27[31m", "\27[32m", "\27[0m"

-- Undoes what programs ask of a terminal and leave behind when they are killed.
local LEFT_BEHIND = "\27[r\27[?25h\27[?1l\27[?1000l\27[?1002l\27[?1003l\27[?1006l\27[?2004l"

-- What is typed before a program runs.
local MOST_TYPED_AHEAD = 4096

---@param name string
---@return string
local function free_name(name)
  local wanted, count = "codebeaker-output://" .. name, 1
  while vim.fn.bufexists(wanted) == 1 do
    count = count + 1
    wanted = ("codebeaker-output://%s (%d)"):format(name, count)
  end
  return wanted
end

---@param terminal codebeaker.Terminal
---@param data string
local function typed(terminal, data)
  local execution = terminal.execution
  if not execution and terminal.is_starting then
    terminal.typed_ahead = (terminal.typed_ahead .. data):sub(1, MOST_TYPED_AHEAD)
    return
  elseif not execution or execution.state == "ended" then
    return
  end
  if execution.takes_input then
    require("codebeaker.execution").type(execution, data)
  elseif data:find("\3", 1, true) then
    require("codebeaker.execution").stop(execution)
  end
end

---@param terminal codebeaker.Terminal
local function prepare(terminal)
  local buffer = vim.api.nvim_create_buf(false, true)
  vim.bo[buffer].bufhidden = "hide"
  vim.bo[buffer].swapfile = false
  terminal.buffer, terminal.at_line_start = buffer, true
  terminal.filter = ansi.filter()
  terminal.channel = vim.api.nvim_open_term(buffer, {
    on_input = function(_, _, _, data)
      typed(terminal, data)
    end,
  })
  pcall(vim.api.nvim_buf_set_name, buffer, free_name(terminal.name))
  vim.bo[buffer].filetype = "codebeaker-output"
  vim.keymap.set("n", "q", "<Cmd>close<CR>", { buffer = buffer, desc = "Close the output" })
  vim.api.nvim_create_autocmd({ "WinResized", "BufWinEnter" }, {
    group = vim.api.nvim_create_augroup("codebeaker.terminal." .. buffer, { clear = true }),
    desc = "Tell the program how large its terminal is",
    callback = function()
      if not vim.api.nvim_buf_is_valid(buffer) then
        return true
      end
      terminal:resized()
    end,
  })
end

---The terminal of a document, made where there is none.
---@param key string
---@param name string what it is called
---@return codebeaker.Terminal
function M.get(key, name)
  local terminal = terminals[key]
  if terminal and vim.api.nvim_buf_is_valid(terminal.buffer) then
    return terminal
  end
  terminal = setmetatable({ name = name }, Terminal)
  prepare(terminal)
  terminals[key] = terminal
  return terminal
end

---The terminal of a document, where there is one.
---@param key string
---@return codebeaker.Terminal?
function M.find(key)
  local terminal = terminals[key]
  if terminal and vim.api.nvim_buf_is_valid(terminal.buffer) then
    return terminal
  end
end

---The terminal that a buffer is.
---@param buffer integer
---@return codebeaker.Terminal?
function M.of_buffer(buffer)
  for _, terminal in pairs(terminals) do
    if terminal.buffer == buffer then
      return terminal
    end
  end
end

---@return integer?
function Terminal:window()
  local window = vim.fn.bufwinid(self.buffer)
  return window ~= -1 and window or nil
end

---@type table<string, fun(buffer: integer, size: integer): integer>
local openers = {
  below = function(buffer, size)
    return vim.api.nvim_open_win(buffer, false, { split = "below", win = -1, height = size })
  end,
  right = function(buffer, size)
    return vim.api.nvim_open_win(buffer, false, { split = "right", win = -1, width = math.max(size, 40) })
  end,
  tab = function(buffer)
    local back = vim.api.nvim_get_current_tabpage()
    vim.cmd("tab sbuffer " .. buffer)
    local window = vim.api.nvim_get_current_win()
    vim.api.nvim_set_current_tabpage(back)
    return window
  end,
  float = function(buffer, size)
    local width, height = math.floor(vim.o.columns * 0.8), math.min(math.max(size, 3), vim.o.lines - 4)
    return vim.api.nvim_open_win(buffer, false, {
      relative = "editor",
      width = width,
      height = height,
      col = math.floor((vim.o.columns - width) / 2),
      row = math.max(0, math.floor((vim.o.lines - height) / 2) - 1),
      border = "rounded",
      title = " codebeaker ",
    })
  end,
}

---Shows it, if it is not shown.
---@param focus? boolean go into it, to type
---@return integer window
function Terminal:open(focus)
  local options = require("codebeaker.config").get().output --[[@as codebeaker.OutputOptions]]
  local window = self:window()
  if not window then
    window = openers[options.position](self.buffer, options.size)
    local looks = { number = false, relativenumber = false, signcolumn = "no", foldcolumn = "0", list = false }
    for name, value in pairs(looks) do
      vim.wo[window][0][name] = value
    end
    self:follow()
  end
  if focus then
    vim.api.nvim_set_current_win(window)
    vim.cmd.startinsert()
  end
  return window
end

---Has the window show what is printed next, as Neovim does when the cursor is in the last line.
function Terminal:follow()
  local window = self:window()
  if window and vim.api.nvim_get_current_win() ~= window then
    vim.api.nvim_win_set_cursor(window, { vim.api.nvim_buf_line_count(self.buffer), 0 })
  end
end

---How large a program's terminal is to be.
---@return integer columns
---@return integer rows
function Terminal:size()
  local window = self:window()
  if not window then
    return 80, 24
  end
  return vim.api.nvim_win_get_width(window), vim.api.nvim_win_get_height(window)
end

---Tells the program of a new size.
function Terminal:resized()
  local execution = self.execution
  local columns, rows = self:size()
  if columns == self.width and rows == self.height then
    return
  end
  self.width, self.height = columns, rows
  if not execution or not execution.has_pty or execution.state == "ended" then
    return
  end
  local client = vim.lsp.get_client_by_id(execution.client_id)
  if client then
    local params = { executionId = execution.id, cols = columns, rows = rows }
    require("codebeaker.client").request(client, "execution/resizePty", params, nil, { quiet = true })
  end
end

---@param data string
function Terminal:raw(data)
  if vim.api.nvim_buf_is_valid(self.buffer) then
    vim.api.nvim_chan_send(self.channel, data)
  end
end

---Shows what a program printed.
---@param data string
---@param bare boolean whether lines end as in a file rather than as in a terminal
function Terminal:print(data, bare)
  data = self.filter(data)
  if bare then
    data = data:gsub("\r?\n", "\r\n")
  end
  for switch in data:gmatch("\27%[%?1?04[79]([hl])") do
    self.other_screen = switch == "h"
  end
  if data ~= "" then
    self.at_line_start = data:sub(-1) == "\n"
    self:raw(data)
  end
end

---Shows what a cell shows, in lines of its own.
---@param text string
function Terminal:show(text)
  self:print((self.at_line_start and "" or "\n") .. text, true)
end

---Shows a line of our own, which no program can pass for: it begins at the left and has its looks.
---@param text string
---@param colour? string
function Terminal:note(text, colour)
  local start = self.at_line_start and "" or "\r\n"
  self.at_line_start = true
  self:raw(("%s%s%s── %s%s\r\n"):format(RESET, start, colour or DIM, ansi.plain(text), RESET))
end

---A run begins, or is about to.
---@param title string
function Terminal:begin(title)
  self:follow()
  self.filter = ansi.filter()
  self.execution, self.is_starting, self.typed_ahead = nil, true, ""
  self:note(title)
end

---The run is there, or won't come.
---@param execution? codebeaker.Execution
function Terminal:connect(execution)
  self.execution, self.is_starting = execution, false
  if execution and execution.takes_input and self.typed_ahead ~= "" then
    require("codebeaker.execution").type(execution, self.typed_ahead)
  end
  self.typed_ahead = ""
end

---@param execution codebeaker.Execution
---@param words string
---@param well boolean
function Terminal:ended(execution, words, well)
  -- A program may have left the other screen on, the cursor hidden, a region, keys or the mouse asked for.
  self:raw((self.other_screen and "\27[?1049l" or "") .. "\0277" .. LEFT_BEHIND .. "\0278")
  self.other_screen = false
  self:note(words, well and GREEN or RED)
  if self.execution == execution then
    self.execution = nil
    -- There is nothing more to type into; `q` closes the window then.
    if vim.api.nvim_get_current_buf() == self.buffer and vim.api.nvim_get_mode().mode == "t" then
      vim.cmd.stopinsert()
    end
  end
end

---Forgets what was printed, in whatever windows it is shown.
function Terminal:clear()
  local old = self.buffer
  local windows = vim.fn.win_findbuf(old)
  prepare(self)
  for _, window in ipairs(windows) do
    vim.api.nvim_win_set_buf(window, self.buffer)
  end
  vim.api.nvim_buf_delete(old, { force = true })
  pcall(vim.api.nvim_buf_set_name, self.buffer, free_name(self.name))
  self:follow()
end

return M
