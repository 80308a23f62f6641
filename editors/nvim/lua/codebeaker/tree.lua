--- The sessions, what ran in them and their files, as a tree in a buffer of its own, which follows what happens.

local M = {}

---@class codebeaker.Node
---@field key string what it is known by from one look to the next
---@field words string
---@field looks? string its highlight
---@field client vim.lsp.Client
---@field session_id string
---@field opens? boolean whether it has something below it
---@field children? codebeaker.Node[] what, when it is open
---@field enter? fun() what <CR> does with what does not open
---@field finish? fun() what `x` does

local NAME = "codebeaker-sessions://"
local HEAD = { "sessions", "<CR> open  x end  n new  R again  q close" }
local namespace = vim.api.nvim_create_namespace("codebeaker.tree")

---@class codebeaker.Tree
---@field buffer? integer
---@field nodes codebeaker.Node[]
---@field rows codebeaker.Node[] those that are drawn, from the top
---@field open table<string, boolean> keys of nodes
---@field soon? boolean whether it is about to look again

---@type codebeaker.Tree
local view = { nodes = {}, rows = {}, open = {} }

local HEIGHT_OF_HEAD = #HEAD

---@param nodes codebeaker.Node[]
---@param depth integer
---@param lines string[]
---@param rows codebeaker.Node[]
local function flatten(nodes, depth, lines, rows)
  for _, node in ipairs(nodes) do
    local mark = not node.opens and "  " or view.open[node.key] and "▾ " or "▸ "
    lines[#lines + 1] = ("  "):rep(depth) .. mark .. require("codebeaker.ansi").plain(node.words):gsub("%s", " ")
    rows[#rows + 1] = node
    flatten(node.children or {}, depth + 1, lines, rows)
  end
end

---@return codebeaker.Node?
local function under_cursor()
  return view.rows[vim.api.nvim_win_get_cursor(0)[1] - HEIGHT_OF_HEAD]
end

local function draw()
  local buffer = view.buffer
  if not buffer or not vim.api.nvim_buf_is_valid(buffer) then
    return
  end
  local lines, rows = vim.list_extend({}, HEAD), {}
  flatten(view.nodes, 0, lines, rows)
  if #rows == 0 then
    lines[#lines + 1] = "none is open; a run makes its own"
  end
  -- The cursor stays with what it is on, wherever that is now.
  local window = vim.fn.bufwinid(buffer)
  local on = window ~= -1 and view.rows[vim.api.nvim_win_get_cursor(window)[1] - HEIGHT_OF_HEAD]
  view.rows = rows
  vim.bo[buffer].modifiable = true
  vim.api.nvim_buf_set_lines(buffer, 0, -1, false, lines)
  vim.bo[buffer].modifiable = false
  vim.api.nvim_buf_clear_namespace(buffer, namespace, 0, -1)
  vim.api.nvim_buf_set_extmark(buffer, namespace, 0, 0, { line_hl_group = "Title" })
  vim.api.nvim_buf_set_extmark(buffer, namespace, 1, 0, { line_hl_group = "Comment" })
  for index, node in ipairs(rows) do
    local row = index + HEIGHT_OF_HEAD - 1
    if node.looks then
      vim.api.nvim_buf_set_extmark(buffer, namespace, row, 0, { line_hl_group = node.looks })
    end
    if on and on.key == node.key then
      vim.api.nvim_win_set_cursor(window, { row + 1, 0 })
    end
  end
end

---Looks at what is open, and draws it when all answers are there.
function M.refresh()
  if not view.buffer or not vim.api.nvim_buf_is_valid(view.buffer) then
    return
  end
  require("codebeaker.outline").gather(view.open, function(nodes)
    view.nodes = nodes
    draw()
  end)
end

---Something happened: looks again, once for all that happens together.
local function soon()
  if not view.soon then
    view.soon = true
    vim.defer_fn(function()
      view.soon = false
      M.refresh()
    end, 50)
  end
end

---@type table<string, { desc: string, act: fun(node?: codebeaker.Node) }>
local KEYS = {
  ["<CR>"] = {
    desc = "Open or close it",
    act = function(node)
      if node and node.opens then
        view.open[node.key] = not view.open[node.key] or nil
        M.refresh()
      elseif node and node.enter then
        node.enter()
      end
    end,
  },
  x = {
    desc = "End it",
    act = function(node)
      if node and node.finish then
        node.finish()
      end
    end,
  },
  n = {
    desc = "Open a session",
    act = function(node)
      local client = node and node.client or require("codebeaker.client").all()[1]
      if client then
        require("codebeaker.session").choose_runtime(client)
      end
    end,
  },
  R = { desc = "Look again", act = M.refresh },
  q = {
    desc = "Close the tree",
    act = function()
      vim.cmd.close()
    end,
  },
}

local function make()
  local buffer = vim.api.nvim_create_buf(false, true)
  view.buffer = buffer
  vim.api.nvim_buf_set_name(buffer, NAME)
  vim.bo[buffer].swapfile = false
  vim.bo[buffer].bufhidden = "wipe"
  vim.bo[buffer].filetype = "codebeaker-sessions"
  for key, does in pairs(KEYS) do
    vim.keymap.set("n", key, function()
      does.act(under_cursor())
    end, { buffer = buffer, nowait = true, desc = does.desc })
  end
  vim.api.nvim_create_autocmd("User", {
    group = vim.api.nvim_create_augroup("codebeaker.tree", { clear = true }),
    pattern = { "CodebeakerStarted", "CodebeakerEnded", "CodebeakerSessionChanged", "CodebeakerSessionOpened" },
    desc = "Have the tree follow what happens",
    callback = function()
      if not vim.api.nvim_buf_is_valid(buffer) then
        return true
      end
      soon()
    end,
  })
end

---Shows it, on the left.
function M.open()
  local window = view.buffer and vim.api.nvim_buf_is_valid(view.buffer) and vim.fn.bufwinid(view.buffer) or -1
  if window ~= -1 then
    vim.api.nvim_set_current_win(window)
  else
    view.rows = {}
    make()
    window = vim.api.nvim_open_win(view.buffer, true, { split = "left", win = -1, width = 48 })
    local looks = { number = false, relativenumber = false, signcolumn = "no", wrap = false, cursorline = true }
    looks.winfixwidth = true
    for name, value in pairs(looks) do
      vim.wo[window][0][name] = value
    end
    draw()
  end
  M.refresh()
end

return M
