--- Skipping aloud, as the daemon's own tests do: where nothing may be skipped it fails.

local M = {}

---Says why the spec that calls does not run. It returns afterwards.
---@param reason string
function M.because(reason)
  assert(vim.env.CODEBEAKER_REQUIRE_ALL ~= "1", "may not be skipped, but " .. reason)
  local line = ("skipped: editors/nvim: %s\n"):format(reason)
  io.stderr:write(line)
  local file = vim.env.CODEBEAKER_SKIPS and io.open(vim.env.CODEBEAKER_SKIPS, "a")
  if file then
    file:write(line)
    file:close()
  end
end

return M
