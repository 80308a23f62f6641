--- Which engine runs a buffer, where several know its language: the daemon chooses, unless the user has.

local M = {}

---@param engine table of `engine/list`
---@param buffer integer
---@return boolean
local function would_run(engine, buffer)
  local extension = vim.fn.fnamemodify(vim.api.nvim_buf_get_name(buffer), ":e")
  return vim.list_contains(engine.languages, vim.bo[buffer].filetype) or vim.list_contains(engine.extensions, extension)
end

---The engine that would run a buffer, by what the daemon says of its engines.
---@param client vim.lsp.Client
---@param buffer integer
---@return table?
function M.of(client, buffer)
  local chosen = require("codebeaker.run").remembered(buffer).engine
  for _, engine in ipairs(require("codebeaker.client").offer(client).engines or {}) do
    if chosen and engine.id == chosen or not chosen and would_run(engine, buffer) then
      return engine
    end
  end
end

---Names for completion.
---@param client? vim.lsp.Client
---@return string[]
function M.names(client)
  local engines = client and require("codebeaker.client").offer(client).engines or {}
  return vim.tbl_map(function(engine)
    return engine.id
  end, engines)
end

---@param buffer integer
---@param id? string nothing for the daemon's own choice
local function take(buffer, id)
  require("codebeaker.run").remember(buffer, "engine", id)
  require("codebeaker.say").info(id and ("this buffer runs with %s"):format(id) or "the daemon chooses again")
end

---@param engine { id?: string, available: boolean, version?: string, runtimes: string[], reason?: string }
---@return string
local function describe(engine)
  if not engine.id then
    return "the best one that there is"
  elseif not engine.available then
    return ("%s (can't be used: %s)"):format(engine.id, engine.reason or "?")
  end
  return ("%s: %s (%s)"):format(engine.id, engine.version or "?", table.concat(engine.runtimes, ", "))
end

---Takes the engine of that name, or asks for one of those that know the buffer's language.
---@param client vim.lsp.Client
---@param buffer integer
---@param name? string
function M.choose(client, buffer, name)
  if name then
    take(buffer, name)
    return
  end
  require("codebeaker.client").request(client, "engine/list", {}, function(err, result)
    if err then
      return
    end
    local choices = vim.tbl_filter(function(engine)
      return would_run(engine, buffer)
    end, result.engines)
    table.insert(choices, 1, { available = true })
    local options = { prompt = "Run with", kind = "codebeaker.engine", format_item = describe }
    vim.ui.select(choices, options, function(engine)
      if engine and engine.available then
        take(buffer, engine.id)
      elseif engine then
        require("codebeaker.say").warn(("%s: %s\n%s"):format(engine.id, engine.reason or "", engine.hint or ""))
      end
    end)
  end)
end

return M
