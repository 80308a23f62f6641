--- A real Neovim in a real terminal: the one under test runs as a program in a terminal buffer of the one that tests,
--- so that what is read is its screen, and what is sent are keys. Beside that, a channel asks it about its state.

local M = {}

M.TIMEOUT_MS = 30000

local plugin = vim.fs.dirname(vim.fs.dirname(vim.fs.dirname(vim.fs.abspath(debug.getinfo(1, "S").source:sub(2)))))

---The daemon that is tested.
M.daemon = vim.fn.fnamemodify(vim.env.CODEBEAKER_BIN or (plugin .. "/../../target/debug/codebeaker"), ":p")

---@class Editor
---@field job integer
---@field buffer integer
---@field channel integer
---@field folder string
local Editor = {}
Editor.__index = Editor

---Waits for something, and says on what the wait was spent otherwise.
---@generic T
---@param what string
---@param condition fun(): T?
---@param explain? fun(): string
---@return T
function M.await(what, condition, explain)
  local value
  local came = vim.wait(M.TIMEOUT_MS, function()
    value = condition()
    return value ~= nil and value ~= false
  end, 20)
  if not came then
    error(("waited in vain for %s\n%s"):format(what, explain and explain() or ""), 2)
  end
  return value
end

---Whether a process runs whose command line has a word in it.
---@param word string
---@return boolean
function M.runs(word)
  return vim.iter(vim.fn.glob("/proc/[0-9]*/cmdline", true, true)):any(function(path)
    local file = io.open(path)
    local words = file and file:read("*a") or ""
    if file then
      file:close()
    end
    return words:find(word, 1, true) ~= nil
  end)
end

---A directory that is a project, with these files.
---@param files table<string, string>
---@return string
function M.project(files)
  local folder = vim.uv.fs_realpath(vim.fn.tempname():match("^(.*)/[^/]*$")) .. "/" .. vim.fn.rand()
  vim.fn.mkdir(folder .. "/.git", "p")
  for name, text in pairs(files) do
    vim.fn.mkdir(vim.fs.dirname(folder .. "/" .. name), "p")
    vim.fn.writefile(vim.split(text, "\n", { plain = true }), folder .. "/" .. name)
  end
  return folder
end

---@class EditorSetup
---@field files? table<string, string> what is in the project
---@field open? string the file to open
---@field options? table `vim.g.codebeaker`
---@field settings? string[] lines of the daemon's settings
---@field env? table<string, string>
---@field stubs? boolean whether nvim-dap is there, as a stub
---@field nvim? string[] another Neovim
---@field prompts? boolean whether it may begin with a prompt; it is not asked anything over the channel then
---@field lines? integer

---Starts one.
---@param setup? EditorSetup
---@return Editor
function M.start(setup)
  setup = setup or {}
  local self = setmetatable({ folder = M.project(setup.files or {}) }, Editor)
  local socket = self.folder .. "/.git/nvim.sock"
  vim.o.columns, vim.o.lines = 80, (setup.lines or 30) + 2
  -- An engine of containers that happens to be there changes nothing.
  vim.fn.mkdir(self.folder .. "/.git/config/codebeaker", "p")
  local settings = vim.list_extend({ "[docker]", "enabled = false" }, setup.settings or {})
  vim.fn.writefile(settings, self.folder .. "/.git/config/codebeaker/config.toml")
  local command = setup.nvim or { vim.env.CODEBEAKER_NVIM or vim.v.progpath }
  vim.list_extend(command, { "--clean", "-n", "--listen", socket, "--cmd", "set rtp^=" .. plugin })
  -- A prompt for <Enter> would leave what is asked over the channel without an answer, for ever.
  vim.list_extend(command, { "--cmd", "silent! set messagesopt=wait:1500,history:500" })
  vim.list_extend(command, { "--cmd", "set noswapfile shortmess+=I laststatus=2 notermguicolors" })
  if setup.stubs then
    vim.list_extend(command, { "--cmd", "set rtp+=" .. plugin .. "/spec/stubs" })
  end
  if setup.options then
    vim.list_extend(command, { "--cmd", "lua vim.g.codebeaker = " .. vim.inspect(setup.options, { newline = " " }) })
  end
  if setup.open then
    command[#command + 1] = setup.open
  end
  local environment = vim.tbl_extend("force", {
    CODEBEAKER_BIN = M.daemon,
    XDG_STATE_HOME = self.folder .. "/.git/state",
    XDG_CONFIG_HOME = self.folder .. "/.git/config",
    TERM = "xterm-256color",
    NVIM_APPNAME = "nvim",
  }, setup.env or {})
  self.buffer = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_win_set_buf(0, self.buffer)
  vim.api.nvim_win_set_height(0, setup.lines or 30)
  self.job = vim.api.nvim_buf_call(self.buffer, function()
    return vim.fn.jobstart(command, { term = true, env = environment, cwd = self.folder })
  end)
  assert(self.job > 0, "Neovim could not be started: " .. table.concat(command, " "))
  self.channel = M.await("the editor", function()
    local connected, channel = pcall(vim.fn.sockconnect, "pipe", socket, { rpc = true })
    return connected and channel > 0 and channel
  end, function()
    return self:screen()
  end)
  if setup.prompts then
    return self
  end
  self:awaits("its start", "return vim.v.vim_did_enter == 1")
  return self
end

---What a person sees.
---@return string
function Editor:screen()
  return table.concat(vim.api.nvim_buf_get_lines(self.buffer, 0, -1, false), "\n")
end

---Waits until a person sees it, and gives the screen.
---@param text string
---@return string
function Editor:sees(text)
  M.await(("%q on the screen"):format(text), function()
    return self:screen():find(text, 1, true)
  end, function()
    return self:screen()
  end)
  return self:screen()
end

---Waits until a person no longer sees it.
---@param text string
function Editor:misses(text)
  M.await(("%q to go from the screen"):format(text), function()
    return not self:screen():find(text, 1, true)
  end, function()
    return self:screen()
  end)
end

---Presses keys, written as in a mapping.
---@param keys string
function Editor:press(keys)
  vim.fn.chansend(self.job, vim.api.nvim_replace_termcodes(keys, true, true, true))
end

---Asks what a piece of Lua comes to in the editor.
---@param code string
---@param ... any
---@return any
function Editor:lua(code, ...)
  return vim.rpcrequest(self.channel, "nvim_exec_lua", code, { ... })
end

---Does a command, as if typed.
---@param command string
function Editor:command(command)
  vim.rpcrequest(self.channel, "nvim_command", command)
end

---Waits until a piece of Lua comes to something true.
---@param what string
---@param code string
---@return any
function Editor:awaits(what, code)
  return M.await(what, function()
    local value = self:lua(code)
    return value ~= vim.NIL and value
  end, function()
    return self:screen() .. "\n" .. self:lua("return vim.fn.execute('messages')")
  end)
end

---Waits for the lenses, and so for the daemon.
function Editor:ready()
  self:sees("▶ Run")
end

---The daemon that runs for it.
---@return integer
function Editor:daemon()
  return self:lua([[
    return vim.lsp.get_clients()[1]:request_sync("server/info", vim.empty_dict(), 5000).result.pid]])
end

---Kills it, as a crash does, and waits until nothing is left of the daemon and of what has a word in its command line.
---@param pid integer the daemon
---@param word string
function Editor:crash(pid, word)
  assert(M.runs(word), "nothing runs that could be left")
  vim.uv.kill(self:lua("return vim.uv.os_getpid()"), "sigkill")
  M.await("the end of the daemon", function()
    return vim.uv.kill(pid, 0) ~= 0
  end)
  M.await("the end of the program", function()
    return not M.runs(word)
  end)
end

---Leaves it, and waits until it is gone.
function Editor:stop()
  pcall(vim.fn.chanclose, self.channel)
  vim.fn.jobstop(self.job)
  vim.fn.jobwait({ self.job }, 10000)
  pcall(vim.api.nvim_buf_delete, self.buffer, { force = true })
  vim.fn.delete(self.folder, "rf")
end

return M
