--- Run code in sandboxes, without leaving Neovim. What a configuration calls; the rest is behind |:Codebeaker|.
---
--- There is no `setup()` that has to be called: everything works without one, and `vim.g.codebeaker` holds what is to
--- be different.

local M = {}

---What a status line shows: what runs, and how long; the session that runs go to; nothing otherwise.
---@return string
function M.statusline()
  return require("codebeaker.status").line()
end

---Runs a buffer as it stands, or lines of it.
---@param options? codebeaker.RunOptions
function M.run(options)
  require("codebeaker.run").start(options or {})
end

---Stops what runs of a buffer; what was told to stop before is killed.
---@param buffer? integer the current one by default
function M.stop(buffer)
  require("codebeaker.run").stop(buffer or vim.api.nvim_get_current_buf())
end

---Sets what `vim.g.codebeaker` sets, for those who like to call a function.
---@param options codebeaker.Options
function M.setup(options)
  vim.g.codebeaker = options
end

return M
