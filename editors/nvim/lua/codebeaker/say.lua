--- What a person is told, always with whose words they are, and never with an escape sequence in it.

local M = {}

---@param text string
---@param level integer
local function say(text, level)
  vim.notify("codebeaker: " .. require("codebeaker.ansi").plain(text), level, { title = "codebeaker" })
end

---@param text string
function M.info(text)
  say(text, vim.log.levels.INFO)
end

---@param text string
function M.warn(text)
  say(text, vim.log.levels.WARN)
end

---@param text string
function M.error(text)
  say(text, vim.log.levels.ERROR)
end

---An error of the daemon's, with what it says to do about it.
---@param err codebeaker.Error
function M.failure(err)
  local hint = type(err.data) == "table" and err.data.hint
  M.error(err.message .. (hint and ("\n" .. hint) or ""))
end

return M
