--- Sessions: those that runs make for themselves, the one that the user has opened for all runs, and the picker.

local M = {}

---The session that the user has opened, of each daemon.
---@type table<integer, codebeaker.SessionCreateResult>
local opened = {}

---@return table<string, any>
local function clients()
  return require("codebeaker.client")
end

---The session that runs of the current buffer go to.
---@return codebeaker.SessionCreateResult?
function M.current()
  local client = clients().near(vim.api.nvim_get_current_buf())
  return client and opened[client.id]
end

---@param params codebeaker.SessionStateChanged
function M.changed(params)
  if params.to == "closed" then
    for client_id, session in pairs(opened) do
      if session.sessionId == params.sessionId then
        opened[client_id] = nil
        if params.reason ~= "requested" and params.reason ~= "shutdown" then
          require("codebeaker.say").info(("the session was closed (%s)"):format(params.message or params.reason))
        end
      end
    end
    require("codebeaker.status").changed()
  end
  require("codebeaker.event").emit("SessionChanged", params)
end

---@param client_id integer
function M.forget(client_id)
  opened[client_id] = nil
end

-- What a session of one run can be, of all that `session/create` takes.
M.OWN = { "fallback", "image", "limits", "minIsolation", "network", "preference", "runtime", "workspace" }

---What the session of one run is to be; nothing where there is no wish, or where a session is open for all runs.
---@param client vim.lsp.Client
---@return table?
function M.own(client)
  local wishes = {}
  for _, name in ipairs(opened[client.id] and {} or M.OWN) do
    wishes[name] = require("codebeaker.config").get().session[name]
  end
  return next(wishes) and wishes or nil
end

---The directory that a session of a buffer shows.
---@param client vim.lsp.Client
---@param buffer integer
---@return string?
local function directory(client, buffer)
  if client.config.root_dir then
    return client.config.root_dir
  end
  local name = vim.api.nvim_buf_get_name(buffer)
  if name ~= "" and vim.bo[buffer].buftype == "" then
    local parent = vim.fs.dirname(name)
    return vim.fn.isdirectory(parent) == 1 and parent or nil
  end
end

---A session for code: the one that the user has opened, else a new one, which shows the project and leaves it alone.
---@param client vim.lsp.Client
---@param buffer integer
---@param callback fun(session_id: string, own: boolean)
---@param failed fun(err: codebeaker.Error)
function M.for_code(client, buffer, callback, failed)
  if opened[client.id] then
    callback(opened[client.id].sessionId, false)
    return
  end
  local folder = directory(client, buffer)
  local function create(mode)
    local params = vim.tbl_extend("force", {
      language = vim.bo[buffer].filetype,
      engine = require("codebeaker.run").remembered(buffer).engine,
      workspace = folder and { mode = mode, uri = vim.uri_from_fname(folder) } or nil,
    }, require("codebeaker.config").get().session)
    clients().request(client, "session/create", params, function(err, result)
      -- 1206: the runtime has no overlays; it has copies.
      if err and err.code == 1206 and mode == "overlay" then
        create("copy")
      elseif err then
        failed(err)
      else
        callback(result.sessionId, true)
      end
    end, { quiet = true })
  end
  create("overlay")
end

---The language of a buffer, where the daemon runs it.
---@param client vim.lsp.Client
---@param buffer integer
---@return string?
local function language(client, buffer)
  return require("codebeaker.engine").of(client, buffer) and vim.bo[buffer].filetype or nil
end

---Opens the session that runs go to from now on, so that what they leave stays.
---@param client vim.lsp.Client
---@param buffer integer whose language it is for
---@param wishes table what `session/create` takes
---@param callback? fun(session_id: string)
function M.open(client, buffer, wishes, callback)
  local engine = require("codebeaker.run").remembered(buffer).engine
  local params = { language = language(client, buffer), engine = engine }
  params = vim.tbl_extend("force", params, require("codebeaker.config").get().session, wishes)
  local progress = require("codebeaker.progress")
  progress.follow(client, "opening a session", "command", "codebeaker.newSession", params, function(err, result)
    if err then
      require("codebeaker.say").failure(err)
      return
    end
    opened[client.id] = result
    require("codebeaker.event").emit("SessionOpened", { sessionId = result.sessionId })
    local selection = result.selection
    local place = ("%s (%s)"):format(selection.runtime, selection.isolation)
    require("codebeaker.say").info(("runs share a session now, in %s"):format(place))
    require("codebeaker.status").changed()
    if callback then
      callback(result.sessionId)
    end
  end)
end

---Calls back with the session that runs go to, opened where there is none.
---@param client vim.lsp.Client
---@param buffer integer
---@param callback fun(session_id: string)
function M.ensure(client, buffer, callback)
  if opened[client.id] then
    callback(opened[client.id].sessionId)
  else
    M.open(client, buffer, {}, callback)
  end
end

---Closes it.
---@param client vim.lsp.Client
function M.close(client)
  if not opened[client.id] then
    require("codebeaker.say").info("no session is open; each run has one of its own")
    return
  end
  clients().command(client, "codebeaker.closeSession", {}, function(err)
    if not err then
      require("codebeaker.say").info("the session is closed; each run has one of its own")
    end
  end)
end

---Lets the user choose where code is isolated, and opens a session there.
---@param client vim.lsp.Client
function M.choose_runtime(client)
  local buffer = vim.api.nvim_get_current_buf()
  clients().request(client, "runtime/list", {}, function(err, result)
    if err then
      return
    end
    vim.ui.select(result.runtimes, {
      prompt = "Where to run",
      kind = "codebeaker.runtime",
      format_item = function(runtime)
        local state = runtime.available and runtime.isolation or ("can't be used: " .. (runtime.reason or "?"))
        return ("%s (%s)"):format(runtime.id, state)
      end,
    }, function(runtime)
      if not runtime then
        return
      end
      if not runtime.available then
        require("codebeaker.say").warn(("%s: %s\n%s"):format(runtime.id, runtime.reason or "", runtime.hint or ""))
        return
      end
      M.open(client, buffer, { runtime = runtime.id })
    end)
  end)
end

---@param client vim.lsp.Client
---@param id string
---@return boolean
function M.is_current(client, id)
  return opened[client.id] ~= nil and opened[client.id].sessionId == id
end

---A session in a line.
---@param client vim.lsp.Client
---@param session codebeaker.SessionListResult.sessions
---@return string
function M.title(client, session)
  local parts = { session.sessionId, session.language or session.workspace.mode, session.selection.runtime }
  parts[#parts + 1] = session.state ~= "active" and session.state or nil
  parts[#parts + 1] = M.is_current(client, session.sessionId) and "(runs go here)" or nil
  return table.concat(parts, "  ")
end

---The same with all that decides between two.
---@param client vim.lsp.Client
---@param session codebeaker.SessionListResult.sessions
---@return string
local function describe(client, session)
  local executions = session.executions
  local counted = ("%d running, %d ended"):format(executions.running, executions.ended)
  return table.concat({ M.title(client, session), session.createdAt, counted }, "  ")
end

---@type { title: string, act: fun(client: vim.lsp.Client, session: table) }[]
local ACTIONS = {
  {
    title = "Look at its files",
    act = function(_, session)
      vim.cmd.edit(vim.fn.fnameescape(("codebeaker://%s/"):format(session.sessionId)))
    end,
  },
  {
    title = "Keep it from timing out",
    act = function(client, session)
      clients().request(client, "session/keepAlive", { sessionId = session.sessionId })
    end,
  },
  {
    title = "Close it",
    act = function(client, session)
      clients().request(client, "session/close", { sessionId = session.sessionId })
    end,
  },
}

---The sessions that there are, and what can be done with them.
---@param client vim.lsp.Client
function M.pick(client)
  clients().request(client, "session/list", {}, function(err, result)
    if err then
      return
    end
    if #result.sessions == 0 then
      require("codebeaker.say").info("no session is open; :Codebeaker session new opens one that lasts")
      return
    end
    vim.ui.select(result.sessions, {
      prompt = "Sessions",
      kind = "codebeaker.session",
      format_item = function(session)
        return describe(client, session)
      end,
    }, function(session)
      if not session then
        return
      end
      vim.ui.select(ACTIONS, {
        prompt = session.sessionId,
        kind = "codebeaker.action",
        format_item = function(action)
          return action.title
        end,
      }, function(action)
        if action then
          action.act(client, session)
        end
      end)
    end)
  end)
end

return M
