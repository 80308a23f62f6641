--- Runs the lines that a motion goes over.

local M = {}

---For a mapping with `expr`: waits for the motion.
---@return string
function M.expression()
  vim.o.operatorfunc = "v:lua.require'codebeaker.operator'.run"
  return "g@"
end

---What Neovim calls when the motion is there.
function M.run()
  local first = vim.api.nvim_buf_get_mark(0, "[")[1]
  local last = vim.api.nvim_buf_get_mark(0, "]")[1]
  require("codebeaker.run").start({ range = { first, last } })
end

return M
