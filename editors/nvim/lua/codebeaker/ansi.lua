--- What programs print is hostile text. Colours and cursor movements are wanted in a terminal; strings that a terminal
--- acts on beyond its own screen (the clipboard, titles, links, queries in device strings) are not, and nowhere else is
--- any of it.

local M = {}

local ESC, BEL = "\27", "\7"

---Takes operating system commands and other control strings out of a stream, whose pieces may end anywhere.
---@return fun(piece: string): string
function M.filter()
  -- "text", "escape" after an ESC, "string" within a control string, "end" after an ESC in one.
  local state = "text"
  return function(piece)
    -- Most pieces have nothing to look at.
    if state == "text" and not piece:find("[\27\194]") then
      return piece
    end
    local kept, from = {}, 1
    for at = 1, #piece do
      local char = piece:sub(at, at)
      if state == "text" then
        if char == ESC then
          kept[#kept + 1] = piece:sub(from, at - 1)
          state = "escape"
        end
      elseif state == "escape" then
        if char:find("[%]PX^_]") then
          state = "string"
        elseif char ~= ESC then
          kept[#kept + 1] = ESC
          from, state = at, "text"
        end
      elseif state == "string" then
        if char == BEL or char == "\24" or char == "\26" then
          from, state = at + 1, "text"
        elseif char == ESC then
          state = "end"
        end
      elseif char == "\\" then
        from, state = at + 1, "text"
      elseif char:find("[%]PX^_]") then
        state = "string"
      else
        -- An escape sequence ends the string as well, and begins itself.
        kept[#kept + 1] = ESC
        from, state = at, "text"
      end
    end
    if state == "text" then
      kept[#kept + 1] = piece:sub(from)
    end
    -- The same begun by one character of C1, which a terminal in UTF-8 may heed too.
    return (table.concat(kept):gsub("\194[\144\152\157\158\159]", ""))
  end
end

---The same text without escape sequences, control characters, and marks that turn the direction of writing.
---@param text string
---@return string
function M.plain(text)
  text = M.filter()(text)
  text = text:gsub("\27%[[0-?]*[ -/]*[@-~]", ""):gsub("\27[ -/]*[0-~]", "")
  text = text:gsub("\226\128[\142\143\170-\174]", ""):gsub("\226\129[\166-\169]", "")
  return (text:gsub("[%z\1-\8\11\12\14-\31\127]", ""))
end

---The last lines as they would be read: of a line that was written over, what was written last.
---@param text string
---@param most integer
---@return string[] lines
---@return integer left_out how many came before
function M.last_lines(text, most)
  local lines = vim.split(M.plain(text):gsub("\r+\n", "\n"), "\n", { plain = true })
  while #lines > 0 and lines[#lines] == "" do
    lines[#lines] = nil
  end
  local first = math.max(1, #lines - most + 1)
  local last = {}
  for index = first, #lines do
    last[#last + 1] = (lines[index]:gsub("\r+$", ""):match("[^\r]*$"):gsub("\t", "    "))
  end
  return last, first - 1
end

return M
