--- The connection to the daemon: one for each project, kept by Neovim's own LSP client, which also ends it.
---
--- Everything that is asked goes through `request`, everything that is told through `execution` and `event`. Which
--- methods there are is what the daemon says, never what its version is.

local M = {}

M.NAME = "codebeaker"

---@class codebeaker.Error
---@field code integer
---@field message string
---@field data? { kind?: string, hint?: string, path?: string, retryable?: boolean }

---@type table<integer, fun(client?: vim.lsp.Client)[]>
local waiting = {}

---@param id integer
---@param client? vim.lsp.Client nothing when it won't come
local function answer_waiting(id, client)
  local callbacks = waiting[id] or {}
  waiting[id] = nil
  for _, callback in ipairs(callbacks) do
    callback(client)
  end
end

---@return lsp.ClientCapabilities
local function capabilities()
  local own = vim.lsp.protocol.make_client_capabilities()
  return vim.tbl_deep_extend("force", own, {
    experimental = {
      codebeaker = {
        protocolVersions = { "1.0" },
        features = {
          streaming = { encodings = { "utf8", "base64" } },
          stdin = true,
          pty = true,
          debug = { transports = { "socket" } },
          contexts = true,
          richOutput = require("codebeaker.display").offer(),
          inputRequest = { password = true },
          netAsk = true,
        },
      },
    },
  })
end

---What the daemon tells unasked.
---@return table<string, lsp.Handler>
local function handlers()
  local execution = require("codebeaker.execution")
  ---@param take fun(params: table)
  local function of(take)
    return function(_, params)
      take(params)
    end
  end
  return {
    ["execution/started"] = of(execution.started),
    ["execution/output"] = of(execution.output),
    ["execution/outputGap"] = of(execution.gap),
    ["execution/display"] = of(execution.display),
    ["execution/exited"] = of(execution.exited),
    ["execution/inputRequest"] = function(_, params)
      return require("codebeaker.ask").line(params)
    end,
    ["net/ask"] = function(_, params)
      return require("codebeaker.ask").host(params)
    end,
    ["context/stateChanged"] = of(function(params)
      require("codebeaker.cells").changed(params)
    end),
    ["session/stateChanged"] = of(function(params)
      require("codebeaker.session").changed(params)
    end),
    ["server/shuttingDown"] = of(function(params)
      require("codebeaker.say").warn(("the daemon ends (%s), and its sessions with it"):format(params.reason))
    end),
    ["debug/terminated"] = function() end,
  }
end

---What lenses do, here rather than in the daemon: so that a run has a window.
---@return table<string, fun(command: lsp.Command, context: table)>
local function commands()
  return {
    ["codebeaker.run"] = function(command, context)
      require("codebeaker.run").lens(command.arguments[1], context.bufnr)
    end,
    ["codebeaker.runCell"] = function(command)
      require("codebeaker.cells").lens(command.arguments[1])
    end,
    ["codebeaker.debug"] = function(command, context)
      require("codebeaker.dap").lens(command.arguments[1], context.bufnr)
    end,
  }
end

---@param buffer integer
---@return string?
local function root(buffer)
  local name = vim.api.nvim_buf_get_name(buffer)
  if vim.bo[buffer].buftype ~= "" then
    return nil
  end
  if name == "" then
    return vim.fs.root(vim.fn.getcwd(), require("codebeaker.config").get().root_markers)
  end
  return vim.fs.root(buffer, require("codebeaker.config").get().root_markers)
end

---Starts the daemon for a buffer, or finds the one that runs for its project.
---@param buffer integer
---@return integer? id
---@return string? problem why not
function M.start(buffer)
  local binary = require("codebeaker.binary")
  local command, tried = binary.find()
  if not command then
    return nil, binary.missing(tried)
  end
  local id
  id = vim.lsp.start({
    name = M.NAME,
    cmd = command,
    root_dir = root(buffer),
    capabilities = capabilities(),
    handlers = handlers(),
    commands = commands(),
    -- An import of an unsaved buffer is to run as it stands: no edit is held back.
    flags = { debounce_text_changes = 0 },
    on_init = function(client)
      vim.schedule(function()
        answer_waiting(client.id, client)
      end)
    end,
    on_exit = function(code, signal, client_id)
      vim.schedule(function()
        require("codebeaker.execution").lost(client_id)
        require("codebeaker.session").forget(client_id)
        if waiting[client_id] then
          require("codebeaker.say").error(
            ("the daemon (%s) ended with %d before it could be used; %s has what it said"):format(
              command[1],
              signal ~= 0 and signal or code,
              vim.lsp.get_log_path()
            )
          )
        end
        answer_waiting(client_id, nil)
      end)
    end,
  }, { bufnr = buffer, silent = true })
  if not id then
    return nil, ("the daemon (%s) could not be started; %s says why"):format(command[1], vim.lsp.get_log_path())
  end
  return id
end

---The daemon of a buffer, where one runs.
---@param buffer integer
---@return vim.lsp.Client?
function M.of(buffer)
  return vim.lsp.get_clients({ name = M.NAME, bufnr = buffer })[1]
end

---The daemons that run.
---@return vim.lsp.Client[]
function M.all()
  return vim.lsp.get_clients({ name = M.NAME })
end

---The daemon of a buffer, else any that runs.
---@param buffer integer
---@return vim.lsp.Client?
function M.near(buffer)
  return M.of(buffer) or M.all()[1]
end

---Calls back with the daemon of a buffer when it can be used. Says by itself what is wrong otherwise.
---@param buffer integer
---@param callback fun(client: vim.lsp.Client)
function M.ensure(buffer, callback)
  -- What is no file of a project, a file of a session among them, is the business of the daemon that runs.
  local known = vim.bo[buffer].buftype ~= "" and M.near(buffer) or nil
  local id, problem = known and known.id, nil
  if not id then
    id, problem = M.start(buffer)
  end
  if not id then
    require("codebeaker.say").error(problem --[[@as string]])
    return
  end
  M.when_ready(id, function(client)
    if client then
      callback(client)
    end
  end)
end

---@param id integer
---@param callback fun(client?: vim.lsp.Client)
function M.when_ready(id, callback)
  local client = vim.lsp.get_client_by_id(id)
  if client and client.initialized then
    callback(client)
    return
  end
  waiting[id] = waiting[id] or {}
  table.insert(waiting[id], callback)
end

---What the daemon said of itself.
---@param client vim.lsp.Client
---@return codebeaker.InitializeServer
function M.offer(client)
  local experimental = client.server_capabilities.experimental or {}
  return experimental.codebeaker or { methods = {}, features = {}, engines = {}, runtimes = {} }
end

---Whether a method may be called.
---@param client vim.lsp.Client
---@param method string
---@return boolean
function M.can(client, method)
  return vim.list_contains(M.offer(client).methods or {}, method)
end

---Asks the daemon. An error is told to the user unless `quiet`.
---@param client vim.lsp.Client
---@param method string
---@param params table
---@param callback? fun(err?: codebeaker.Error, result?: any)
---@param options? { quiet?: boolean, buffer?: integer }
---@return integer? id of the request
function M.request(client, method, params, callback, options)
  options = options or {}
  local function done(err, result)
    if err and not options.quiet then
      require("codebeaker.say").failure(err)
    end
    if callback then
      callback(err, result)
    end
  end
  params = next(params) == nil and vim.empty_dict() or params
  local sent, id
  if vim.fn.has("nvim-0.11") == 1 then
    sent, id = client:request(method, params, done, options.buffer)
  else
    ---@diagnostic disable-next-line: param-type-mismatch
    sent, id = client.request(method, params, done, options.buffer)
  end
  if not sent then
    done({ code = 0, message = "the daemon has ended; the next run starts it again" })
  end
  return id
end

---Has one of the daemon's commands done, as a lens does.
---@param client vim.lsp.Client
---@param command string
---@param argument table
---@param callback? fun(err?: codebeaker.Error, result?: any)
---@param options? { quiet?: boolean, buffer?: integer }
---@return integer? id of the request
function M.command(client, command, argument, callback, options)
  argument = next(argument) == nil and vim.empty_dict() or argument
  return M.request(
    client,
    "workspace/executeCommand",
    { command = command, arguments = { argument } },
    callback,
    options
  )
end

return M
