--- Results below the code that they are of, as lines that are not in the buffer. They go when that code is edited.

local M = {}

local namespace = vim.api.nvim_create_namespace("codebeaker.inline")
local places = vim.api.nvim_create_namespace("codebeaker.inline.places")

---Code that runs or ran: where it is, wherever that is by now, and what it was.
---@class codebeaker.Region
---@field place integer
---@field text string
---@field to_end boolean whether it is all there is from its beginning, with what is appended
---@field result? integer

---What has a result.
---@type table<integer, codebeaker.Region[]>
local shown_in = {}

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
---@param first_row integer
---@param last_row integer
---@return string
local function text_of(buffer, first_row, last_row)
  return table.concat(vim.api.nvim_buf_get_lines(buffer, first_row, last_row + 1, false), "\n")
end

---Remembers code that is about to run.
---@param buffer integer
---@param first_row integer
---@param last_row integer
---@return codebeaker.Region
function M.region(buffer, first_row, last_row)
  local end_row = vim.api.nvim_buf_line_count(buffer) - 1
  last_row = math.min(last_row, end_row)
  local last_line = vim.api.nvim_buf_get_lines(buffer, last_row, last_row + 1, false)[1] or ""
  local options = { end_row = last_row, end_col = #last_line, right_gravity = false, end_right_gravity = true }
  local place = vim.api.nvim_buf_set_extmark(buffer, places, first_row, 0, options)
  return { place = place, text = text_of(buffer, first_row, last_row), to_end = last_row == end_row }
end

---Where it is, if it is as it was.
---@param buffer integer
---@param region codebeaker.Region
---@return integer? first_row
---@return integer? last_row
local function rows(buffer, region)
  local mark = vim.api.nvim_buf_get_extmark_by_id(buffer, places, region.place, { details = true })
  local last_row = mark[1] and (region.to_end and vim.api.nvim_buf_line_count(buffer) - 1 or mark[3].end_row)
  if mark[1] and text_of(buffer, mark[1], last_row) == region.text then
    return mark[1], last_row
  end
end

---@param buffer integer
---@param region codebeaker.Region
local function forget(buffer, region)
  vim.api.nvim_buf_del_extmark(buffer, places, region.place)
  if region.result then
    vim.api.nvim_buf_del_extmark(buffer, namespace, region.result)
  end
end

---@param buffer integer
function M.clear(buffer)
  shown_in[buffer] = nil
  if vim.api.nvim_buf_is_valid(buffer) then
    vim.api.nvim_buf_clear_namespace(buffer, namespace, 0, -1)
    vim.api.nvim_buf_clear_namespace(buffer, places, 0, -1)
  end
end

---Keeps those results of which something holds.
---@param buffer integer
---@param holds fun(region: codebeaker.Region): boolean
local function keep(buffer, holds)
  shown_in[buffer] = vim.tbl_filter(function(region)
    if holds(region) then
      return true
    end
    forget(buffer, region)
    return false
  end, shown_in[buffer] or {})
end

---@param buffer integer
local function clear_when_edited(buffer)
  vim.api.nvim_create_autocmd({ "TextChanged", "TextChangedI", "TextChangedP" }, {
    group = vim.api.nvim_create_augroup("codebeaker.inline." .. buffer, { clear = true }),
    buffer = buffer,
    desc = "Results are of the code as it was",
    callback = function()
      keep(buffer, function(region)
        return rows(buffer, region) ~= nil
      end)
      return #shown_in[buffer] == 0
    end,
  })
end

---@param execution codebeaker.Execution
---@param words string what came of it
function M.show(execution, words)
  local options = require("codebeaker.config").get().inline --[[@as codebeaker.InlineOptions]]
  local buffer, region = execution.buffer, execution.region
  if not options.enabled or not vim.api.nvim_buf_is_loaded(buffer) then
    return
  end
  local first_row, last_row = rows(buffer, region)
  if not first_row then
    forget(buffer, region)
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
  -- Of lines that two have run, the last result counts.
  keep(buffer, function(other)
    local first, last = rows(buffer, other)
    return first ~= nil and (last < first_row or first > last_row)
  end)
  -- Blank lines between two cells are below the result.
  local row = last_row --[[@as integer]]
  while row > first_row and text_of(buffer, row, row):match("^%s*$") do
    row = row - 1
  end
  region.result = vim.api.nvim_buf_set_extmark(buffer, namespace, row, 0, { virt_lines = shown })
  table.insert(shown_in[buffer], region)
  clear_when_edited(buffer)
end

return M
