--- Packages, installed in the session that runs go to; one is opened for them where none is.

local M = {}

---Who installs, as `package/install` knows them.
---@type string[]
M.MANAGERS = { "pip", "npm", "gem" }

---@param client vim.lsp.Client
---@param manager string
---@param packages string[]
local function install(client, manager, packages)
  local say = require("codebeaker.say")
  require("codebeaker.session").ensure(client, vim.api.nvim_get_current_buf(), function(session_id)
    local params = { sessionId = session_id, manager = manager, packages = packages }
    local title = ("%s installs %s"):format(manager, table.concat(packages, ", "))
    local progress = require("codebeaker.progress")
    progress.follow(client, title, "request", "package/install", params, function(err, result)
      if err then
        say.failure(err)
        return
      end
      local there = vim.tbl_map(function(package)
        return ("%s %s"):format(package.name, package.version)
      end, result.packages)
      say.info("the session has now " .. (#there > 0 and table.concat(there, ", ") or "no packages"))
    end)
  end)
end

---@param packages string[]
---@param callback fun(packages: string[])
local function ask_for_packages(packages, callback)
  if #packages > 0 then
    callback(packages)
    return
  end
  vim.ui.input({ prompt = "Packages: " }, function(text)
    local words = text and require("codebeaker.command").words(text) or {}
    if #words > 0 then
      callback(words)
    end
  end)
end

---@param client vim.lsp.Client
---@param arguments string[] a manager first, or packages alone
function M.install(client, arguments)
  if vim.list_contains(M.MANAGERS, arguments[1]) then
    ask_for_packages(vim.list_slice(arguments, 2), function(packages)
      install(client, arguments[1], packages)
    end)
    return
  end
  vim.ui.select(M.MANAGERS, { prompt = "Install with", kind = "codebeaker.manager" }, function(manager)
    if manager then
      ask_for_packages(arguments, function(packages)
        install(client, manager, packages)
      end)
    end
  end)
end

return M
