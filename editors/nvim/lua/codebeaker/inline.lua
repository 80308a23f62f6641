--- Results below the code that they are of, as lines that are not in the buffer. They go when the buffer is edited.

local M = {}

local namespace = vim.api.nvim_create_namespace("codebeaker.inline")

---@type table<string, string>
local GROUPS = {
  CodebeakerResult = "Comment",
  CodebeakerOk = "DiagnosticOk",
  CodebeakerFailed = "DiagnosticError",
}

local function highlights()
  for name, link in pairs(GROUPS) do
    vim.api.nvim_set_hl(0, name, { link = link, default = true })
  end
end

---@param buffer integer
function M.clear(buffer)
  if vim.api.nvim_buf_is_valid(buffer) then
    vim.api.nvim_buf_clear_namespace(buffer, namespace, 0, -1)
  end
end

---@param buffer integer
local function clear_when_edited(buffer)
  vim.api.nvim_create_autocmd({ "TextChanged", "TextChangedI", "TextChangedP" }, {
    group = vim.api.nvim_create_augroup("codebeaker.inline." .. buffer, { clear = true }),
    buffer = buffer,
    desc = "Results are of the code as it was",
    callback = function()
      M.clear(buffer)
      return true
    end,
  })
end

---@param execution codebeaker.Execution
---@param words string what came of it
function M.show(execution, words)
  local options = require("codebeaker.config").get().inline --[[@as codebeaker.InlineOptions]]
  local buffer = execution.buffer
  if not options.enabled or not vim.api.nvim_buf_is_loaded(buffer) then
    return
  end
  -- The lines were others when it began.
  if vim.api.nvim_buf_get_changedtick(buffer) ~= execution.tick then
    return
  end
  highlights()
  local ok = execution.result.outcome == "ok"
  local lines, left_out = require("codebeaker.ansi").last_lines(execution.tail, options.lines)
  -- What came of it is first: the window may end before the output does.
  local shown = { { { "  ╭ " .. words, ok and "CodebeakerOk" or "CodebeakerFailed" } } }
  if left_out > 0 then
    shown[2] = { { ("  │ … %d more above"):format(left_out), "CodebeakerResult" } }
  end
  for _, line in ipairs(lines) do
    shown[#shown + 1] = { { "  │ " .. line, "CodebeakerResult" } }
  end
  local row = math.min(execution.last_row, vim.api.nvim_buf_line_count(buffer) - 1)
  if execution.whole then
    M.clear(buffer)
  else
    vim.api.nvim_buf_clear_namespace(buffer, namespace, row, row + 1)
  end
  vim.api.nvim_buf_set_extmark(buffer, namespace, row, 0, { virt_lines = shown })
  clear_when_edited(buffer)
end

return M
