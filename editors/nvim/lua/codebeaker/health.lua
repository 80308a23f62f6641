--- `:checkhealth codebeaker`: this editor, the options, and the daemon's own report.

local M = {}

local TIMEOUT_MS = 15000

local function editor()
  vim.health.start("Neovim")
  local version = tostring(vim.version())
  if vim.fn.has("nvim-0.10") == 0 then
    vim.health.error(("Neovim %s is too old"):format(version), { "update to 0.10 or newer" })
  elseif vim.fn.has("nvim-0.11") == 0 then
    vim.health.warn(("Neovim %s works; it is tested with 0.11"):format(version))
  else
    vim.health.ok("Neovim " .. version)
  end
  if #vim.api.nvim_get_runtime_file("lua/dap.lua", false) > 0 or package.loaded.dap then
    vim.health.ok("nvim-dap is there: :Codebeaker debug, and what its own keys do")
  else
    vim.health.info("nvim-dap is not installed; without it nothing can be debugged from here")
  end
end

local function options()
  vim.health.start("Options")
  local _, problems = require("codebeaker.config").read()
  for _, problem in ipairs(problems) do
    vim.health.error(problem, { ":help codebeaker-options" })
  end
  if #problems == 0 then
    vim.health.ok("vim.g.codebeaker has nothing wrong")
  end
end

---@param checks { id: string, status: string, summary: string, reason?: string, fix?: table }[]
local function report(checks)
  for _, check in ipairs(checks) do
    local text = ("%s: %s%s"):format(check.id, check.summary, check.reason and (" — " .. check.reason) or "")
    local advice = {}
    if check.fix then
      advice[1] = check.fix.description
      advice[2] = check.fix.command and ("`%s`"):format(check.fix.command)
    end
    if check.status == "ok" then
      vim.health.ok(text)
    elseif check.status == "warning" then
      vim.health.warn(text, advice)
    else
      vim.health.error(text, advice)
    end
  end
end

local function daemon()
  vim.health.start("The daemon")
  local binary = require("codebeaker.binary")
  local command, tried = binary.find()
  if not command then
    vim.health.error("the daemon is not there; looked for " .. table.concat(tried, ", "), binary.advice)
    return
  end
  local version = vim.system({ command[1], "--version" }, { text = true }):wait(TIMEOUT_MS)
  if version.code ~= 0 then
    vim.health.error(("%s is there and does not run: %s"):format(command[1], vim.trim(version.stderr or "")))
    return
  end
  vim.health.ok(("%s (%s)"):format(vim.trim(version.stdout), command[1]))
  for _, client in ipairs(require("codebeaker.client").all()) do
    vim.health.info(("runs for %s"):format(client.config.root_dir or "files of no project"))
  end
  -- By a process of its own, so that it is there when the connection is what is wrong.
  local doctor = vim.system({ command[1], "doctor", "--json" }, { text = true }):wait(TIMEOUT_MS)
  local parsed, found = pcall(vim.json.decode, doctor.stdout or "", { luanil = { object = true } })
  if not parsed or type(found) ~= "table" or not found.checks then
    local words = vim.trim(doctor.stderr or "")
    vim.health.error(("`codebeaker doctor` ended with %d: %s"):format(doctor.code, words))
    return
  end
  report(found.checks)
end

---What `:checkhealth codebeaker` calls.
function M.check()
  editor()
  options()
  daemon()
end

return M
