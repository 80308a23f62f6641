--- Tells others what happens, by `User` autocommands; see |codebeaker-events|.

local M = {}

---@param name string
---@param data table
function M.emit(name, data)
  vim.api.nvim_exec_autocmds("User", { pattern = "Codebeaker" .. name, data = data, modeline = false })
end

return M
