--- Stands in for nvim-dap, which no registry carries: what an adapter is registered with, and how one is resolved.

local M = { adapters = {}, configurations = {}, providers = { configs = {} }, runs = {} }

---@param config table
---@param options table
function M.run(config, options)
  local run = { config = config, options = options }
  M.runs[#M.runs + 1] = run
  local adapter = M.adapters[config.type]
  if type(adapter) == "function" then
    adapter(function(resolved)
      run.adapter = resolved
    end, config)
  else
    run.adapter = adapter
  end
end

return M
