--- What a status line shows.

local M = {}

---Has status lines drawn anew, and what runs counted on.
function M.changed()
  vim.cmd.redrawstatus({ bang = true })
  if M.timer or #require("codebeaker.execution").running() == 0 then
    return
  end
  M.timer = vim.uv.new_timer()
  M.timer:start(1000, 1000, function()
    vim.schedule(function()
      if M.timer and #require("codebeaker.execution").running() == 0 then
        M.timer:close()
        M.timer = nil
      end
      vim.cmd.redrawstatus({ bang = true })
    end)
  end)
end

---@return string
function M.line()
  local running = require("codebeaker.execution").running()
  local parts = {}
  if #running == 1 then
    local execution = running[1]
    local seconds = execution.started_at and math.floor((vim.uv.now() - execution.started_at) / 1000)
    parts[1] = execution.title .. (seconds and (" %ds"):format(seconds) or " waits")
  elseif #running > 1 then
    parts[1] = ("%d runs"):format(#running)
  end
  parts[#parts + 1] = require("codebeaker.progress").line()
  local session = require("codebeaker.session").current()
  if session then
    parts[#parts + 1] = ("%s session"):format(session.selection.runtime)
  end
  return #parts > 0 and ("▶ " .. table.concat(parts, " · ")) or ""
end

return M
