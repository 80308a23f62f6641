--- Debugging by nvim-dap, where that is installed: an adapter, and what F5 does with no configuration.
---
--- A buffer is debugged as it stands, by an adapter of the daemon that runs for it (`codebeaker.debug`). What has a
--- `program`, as a configuration in launch.json, is debugged by a process of its own, `codebeaker dap`.

local M = {}

local TYPE = "codebeaker"

---@param buffer integer
---@param row? integer of a cell, which alone is debugged
---@return table
local function configuration(buffer, row)
  return {
    type = TYPE,
    request = "launch",
    name = "codebeaker: this buffer, as it stands",
    __codebeakerBuffer = buffer,
    __codebeakerRow = row,
  }
end

---@param buffer integer
---@param row? integer
---@param give fun(adapter: table)
local function of_document(buffer, row, give)
  require("codebeaker.client").ensure(buffer, function(client)
    local argument = {
      uri = vim.uri_from_bufnr(buffer),
      args = require("codebeaker.run").remembered(buffer).args,
      engine = require("codebeaker.run").remembered(buffer).engine,
      cellLine = row,
      transport = "socket",
    }
    local session = require("codebeaker.session").current()
    argument.sessionId = session and session.sessionId or nil
    require("codebeaker.client").command(client, "codebeaker.debug", argument, function(err, result)
      if not err then
        give({ type = "pipe", pipe = result.socket })
      end
    end, { buffer = buffer })
  end)
end

---@param give fun(adapter: table)
---@param wanted table
---@param parent? table the session that this one is a child of
local function adapter(give, wanted, parent)
  -- A child of what is debugged over a socket is at the same socket.
  if wanted.__codebeakerChild and parent and parent.adapter and parent.adapter.type == "pipe" then
    give(parent.adapter)
    return
  end
  if wanted.__codebeakerBuffer then
    of_document(wanted.__codebeakerBuffer, wanted.__codebeakerRow, give)
    return
  end
  local binary = require("codebeaker.binary")
  local command, tried = binary.find()
  if not command then
    require("codebeaker.say").error(binary.missing(tried))
    return
  end
  local args = vim.list_extend({ unpack(command, 2) }, { "dap" })
  give({ type = "executable", command = command[1], args = args })
end

---@param buffer integer
---@return table[]
local function offered(buffer)
  local clients = require("codebeaker.client")
  local client = clients.of(buffer)
  local engine = client and require("codebeaker.engine").of(client, buffer)
  return engine and engine.debug and { configuration(buffer) } or {}
end

---Makes the adapter known, once.
---@param dap table
function M.register(dap)
  dap.adapters[TYPE] = dap.adapters[TYPE] or adapter
  -- Older releases of nvim-dap have no providers; `:Codebeaker debug` works with those too.
  local providers = dap.providers and dap.providers.configs
  if providers and not providers[TYPE] then
    providers[TYPE] = offered
  end
end

---Loads nvim-dap in the place of whoever requires it first, and makes the adapter known to it.
---@return table dap
function M.when_required()
  local loader = package.preload.dap
  package.preload.dap, package.loaded.dap = nil, nil
  local found, dap = pcall(require, "dap")
  if not found then
    -- It may be installed later.
    package.preload.dap = loader
    error(dap, 0)
  end
  M.register(dap)
  return dap
end

---Debugs a buffer as it stands.
---@param buffer integer
---@param row? integer of a cell, which alone is debugged
function M.start(buffer, row)
  local found, dap = pcall(require, "dap")
  if not found then
    require("codebeaker.say").error(
      "debugging needs the plug-in nvim-dap, which is not installed.\n"
        .. "Install it (mfussenegger/nvim-dap) as you do other plug-ins; nothing has to be configured for codebeaker."
    )
    return
  end
  M.register(dap)
  dap.run(configuration(buffer, row), { filetype = vim.bo[buffer].filetype })
end

---What the lenses *Debug* and *Debug cell* do.
---@param argument { uri: string, cellLine?: integer }
---@param buffer integer
function M.lens(argument, buffer)
  argument = argument or {}
  M.start(argument.uri and vim.uri_to_bufnr(argument.uri) or buffer, argument.cellLine)
end

return M
