--- What cells show beside what they print: as text in the terminal and below the code; pictures in the program that the
--- user has for them. They come out of a sandbox: only what can't carry code is ever handed on.

local M = {}

---Pictures, and how their files end. No SVG and no HTML: what opens those runs what is in them.
---@type table<string, string>
local PICTURES = { ["image/png"] = "png", ["image/jpeg"] = "jpg", ["image/gif"] = "gif" }

---The last picture of each buffer.
---@type table<integer, string>
local pictures = {}

---What the daemon is told that is shown here.
---@return { mime: string[], maxInlineBytes: integer }
function M.offer()
  local mime = vim.tbl_keys(PICTURES)
  table.sort(mime)
  return { mime = mime, maxInlineBytes = 2 * 1024 * 1024 }
end

---@param execution codebeaker.Execution
---@param mime string
---@param data string
---@return string? line about it
local function keep(execution, mime, data)
  local ok, bytes = pcall(vim.base64.decode, (data:gsub("%s", "")))
  local path = vim.fn.tempname() .. "." .. PICTURES[mime]
  local file = ok and io.open(path, "wb")
  if not file then
    return nil
  end
  file:write(bytes)
  file:close()
  pictures[execution.buffer] = path
  return ("a picture, %d KiB; :Codebeaker picture opens it"):format(math.ceil(#bytes / 1024))
end

---@param execution codebeaker.Execution
---@param params codebeaker.ExecutionDisplay
function M.show(execution, params)
  local lines = {}
  for mime in vim.spairs(PICTURES) do
    local data = params.data[mime]
    lines[#lines + 1] = type(data) == "string" and keep(execution, mime, data) or nil
  end
  local text = params.data["text/plain"]
  if #lines == 0 and type(text) == "string" then
    lines[1] = text
  end
  for _, omitted in ipairs(params.omitted or {}) do
    if PICTURES[omitted] then
      lines[#lines + 1] = "a picture that is too large to be sent"
    end
  end
  local shown = require("codebeaker.ansi").plain(table.concat(lines, "\n")) .. "\n"
  execution.terminal:show(shown)
  execution.tail = execution.tail .. (execution.tail:find("[^\n]$") and "\n" or "") .. shown
end

---Opens the last picture that cells of a buffer have shown.
---@param buffer integer
function M.open(buffer)
  if not pictures[buffer] then
    require("codebeaker.say").info("no cell of this buffer has shown a picture")
    return
  end
  local _, problem = vim.ui.open(pictures[buffer])
  if problem then
    require("codebeaker.say").error(("%s\nThe picture is %s"):format(problem, pictures[buffer]))
  end
end

return M
