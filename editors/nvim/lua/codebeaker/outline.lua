--- What the tree shows: asks the daemons for what is open in it, and makes nodes of the answers.

local M = {}

---@param execution table of `execution/list`
---@return string
local function came_of(execution)
  if execution.state ~= "ended" then
    return execution.state == "running" and "runs" or "waits"
  end
  return require("codebeaker.execution").describe(execution)
end

---@param entries table<string, any>
---@return boolean
local function went_well(entries)
  return entries.state ~= "ended" or entries.outcome == "ok"
end

---Where a node of the tree is opened: not in the tree's own window.
---@param command string
local function elsewhere(command)
  local tree = vim.api.nvim_get_current_win()
  vim.cmd.wincmd("p")
  if vim.api.nvim_get_current_win() == tree then
    vim.cmd("rightbelow vsplit")
  end
  vim.cmd(command)
end

---@class codebeaker.Gathering
---@field open table<string, boolean>
---@field pending integer
---@field done fun()
local Gathering = {}
Gathering.__index = Gathering

function Gathering:answered()
  self.pending = self.pending - 1
  if self.pending == 0 then
    self.done()
  end
end

---@param node codebeaker.Node
---@param method string
---@param params table
---@param make fun(result: table): codebeaker.Node[]
function Gathering:fill(node, method, params, make)
  self.pending = self.pending + 1
  require("codebeaker.client").request(node.client, method, params, function(err, result)
    if result then
      node.children = make(result)
    elseif err then
      local key = node.key .. "!"
      node.children =
        { { key = key, words = err.message, looks = "DiagnosticWarn", client = node.client, session_id = "" } }
    end
    self:answered()
  end, { quiet = true })
end

---@param parent codebeaker.Node
---@param path? string of a directory; the workspace without it
function Gathering:files(parent, path)
  local params = { sessionId = parent.session_id, path = path, hidden = true }
  self:fill(parent, "fs/list", params, function(result)
    local nodes = {}
    for _, entry in ipairs(result.entries) do
      local is_directory = entry.type == "directory"
      local node = {
        key = ("%s/%s"):format(parent.session_id, entry.path),
        words = entry.name .. (is_directory and "/" or ""),
        looks = is_directory and "Directory" or nil,
        client = parent.client,
        session_id = parent.session_id,
        opens = is_directory,
        enter = function()
          elsewhere("edit " .. vim.fn.fnameescape(("codebeaker://%s/%s"):format(parent.session_id, entry.path)))
        end,
      }
      nodes[#nodes + 1] = node
      if is_directory and self.open[node.key] then
        self:files(node, entry.path)
      end
    end
    if result.truncated then
      nodes[#nodes + 1] = { key = parent.key .. "…", words = "… and more", client = parent.client, session_id = "" }
    end
    return nodes
  end)
end

---@param parent codebeaker.Node
function Gathering:executions(parent)
  self:fill(parent, "execution/list", { sessionId = parent.session_id }, function(result)
    return vim.tbl_map(function(execution)
      return {
        key = execution.executionId,
        words = ("%s  %s"):format(came_of(execution), table.concat(execution.argv, " ")),
        looks = not went_well(execution) and "DiagnosticError" or nil,
        client = parent.client,
        session_id = parent.session_id,
        enter = function()
          require("codebeaker.output").show(parent.client, execution)
        end,
        finish = execution.state ~= "ended" and function()
          require("codebeaker.execution").interrupt(parent.client, execution.executionId)
        end or nil,
      }
    end, result.executions)
  end)
end

---@param client vim.lsp.Client
---@param session codebeaker.SessionListResult.sessions
---@return codebeaker.Node
function Gathering:session(client, session)
  local id = session.sessionId
  local function node(part, words)
    return { key = id .. part, words = words, client = client, session_id = id, opens = true }
  end
  local executions = node("#executions", ("executions (%d run)"):format(session.executions.running))
  local files = node("#files", "files")
  local sessions = require("codebeaker.session")
  local top = node("", sessions.title(client, session))
  top.looks = sessions.is_current(client, id) and "DiagnosticOk" or nil
  top.finish = function()
    local answer =
      vim.fn.confirm(("Close session %s? What is in it alone is gone then."):format(id), "&Close\n&Keep", 2)
    if answer == 1 then
      require("codebeaker.client").request(client, "session/close", { sessionId = id })
    end
  end
  if self.open[top.key] then
    top.children = { executions, files }
    if self.open[executions.key] then
      self:executions(executions)
    end
    if self.open[files.key] then
      self:files(files)
    end
  end
  return top
end

---Asks all daemons for what is open.
---@param open table<string, boolean> keys of nodes
---@param callback fun(nodes: codebeaker.Node[])
function M.gather(open, callback)
  local roots = {}
  local gathering = setmetatable({
    open = open,
    pending = 1,
    done = function()
      local nodes = {}
      for _, root in ipairs(roots) do
        vim.list_extend(nodes, root.children or {})
      end
      callback(nodes)
    end,
  }, Gathering)
  for _, client in ipairs(require("codebeaker.client").all()) do
    if client.initialized then
      local root = { key = tostring(client.id), words = "", client = client, session_id = "" }
      roots[#roots + 1] = root
      gathering:fill(root, "session/list", {}, function(result)
        return vim.tbl_map(function(session)
          return gathering:session(client, session)
        end, result.sessions)
      end)
    end
  end
  gathering:answered()
end

return M
