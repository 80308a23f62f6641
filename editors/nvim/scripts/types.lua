--- Writes lua/codebeaker/types.lua from the generated tables of protocol.md, which come from the daemon's own types:
---   nvim --clean -l scripts/types.lua
--- A spec compares the two.

local M = {}

local here = vim.fs.dirname(vim.fs.abspath(debug.getinfo(1, "S").source:sub(2)))
local PROTOCOL = here .. "/../../../protocol.md"
M.FILE = here .. "/../lua/codebeaker/types.lua"

-- What the plug-in reads: the generated part, the heading of the table in it (none where there is but one), the class.
local WANTED = {
  { "initialize server", nil, "InitializeServer" },
  { "session/create", "Result", "SessionCreateResult" },
  { "session/list", "Result", "SessionListResult" },
  { "execution/list", "Result", "ExecutionListResult" },
  { "execution/read", "Result", "ExecutionReadResult" },
  { "runtime/list", "Result", "RuntimeListResult" },
  { "package/install", "Parameters", "PackageInstall" },
  { "package/install", "Result", "PackageInstallResult" },
  { "execution/display", "Parameters", "ExecutionDisplay" },
  { "execution/inputRequest", "Parameters", "ExecutionInputRequest" },
  { "net/ask", "Parameters", "NetAsk" },
  { "fs/list", "Result", "FsListResult" },
  { "fs/read", "Result", "FsReadResult" },
  { "fs/write", "Result", "FsWriteResult" },
  { "server/doctor", "Result", "ServerDoctorResult" },
  { "codebeaker.run", "Argument", "RunArgument" },
  { "codebeaker.run", "Result", "RunResult" },
  { "codebeaker.debug", "Result", "DebugResult" },
  { "execution/started", "Parameters", "ExecutionStarted" },
  { "execution/output", "Parameters", "ExecutionOutput" },
  { "execution/outputGap", "Parameters", "ExecutionOutputGap" },
  { "execution/exited", "Parameters", "ExecutionExited" },
  { "session/stateChanged", "Parameters", "SessionStateChanged" },
  { "context/stateChanged", "Parameters", "ContextStateChanged" },
}

---The lines of a generated table.
---@param document string
---@param part string
---@param heading? string
---@return string[]
local function rows(document, part, heading)
  local _, from = document:find(("<!-- generated: %s -->"):format(part), 1, true)
  assert(from, "protocol.md has no part " .. part)
  local block = document:sub(from + 1, (document:find("<!-- end generated -->", from, true)) - 1)
  if heading then
    local _, after = block:find(("**%s**"):format(heading), 1, true)
    assert(after, ("%s has no %s"):format(part, heading))
    block = block:sub(after + 1):gsub("\n%*%*.*$", "\n")
  end
  return vim.tbl_filter(function(line)
    return vim.startswith(line, "| `")
  end, vim.split(block, "\n", { plain = true }))
end

---@param kind string as the table has it
---@param class string what an object of it is called
---@return string
local function translate(kind, class)
  local of = kind:match("^array of (.*)$")
  if of then
    local inner = translate(of, class)
    return (inner:find("|", 1, true) and ("(%s)"):format(inner) or inner) .. "[]"
  end
  of = kind:match("^map to (.*)$")
  if of then
    return ("table<string, %s>"):format(translate(of, class))
  end
  local words = kind:gsub("`([^`]+)`", '"%1"'):gsub(" or ", "|"):gsub(" \\| ", "|"):gsub(" ?\\| ?", "|")
  return (words:gsub("^object$", class))
end

---@param lines string[]
---@param name string the class
---@param out string[]
local function classes(lines, name, out)
  local fields, has_inner = {}, {}
  for _, line in ipairs(lines) do
    local cells = vim.split(line:gsub("\\|", "\1"), " | ", { plain = true })
    local path = cells[1]:match("`([^`]+)`"):gsub("%[%]", "")
    local kind = cells[2]:gsub("\1", "\\|")
    -- Of parameters the third of four cells is the default.
    local optional = path:sub(-1) == "?" or (#cells == 4 and not cells[3]:find("required", 1, true))
    path = path:gsub("%?$", "")
    local text = cells[#cells]:gsub("%s*|$", ""):gsub("<br>.*", ""):gsub("\1", "|"):gsub("%[([^%]]+)%]%b()", "%1")
    local parent, field = path:match("^(.*)%.([^.]+)$")
    fields[#fields + 1] =
      { path = path, parent = parent or "", field = field or path, kind = kind, optional = optional, text = text }
    has_inner[parent or ""] = true
  end
  local parents = vim.tbl_keys(has_inner)
  table.sort(parents)
  for _, parent in ipairs(parents) do
    local class = parent == "" and name or name .. "." .. parent
    out[#out + 1] = ("---@class codebeaker.%s"):format(class)
    for _, field in ipairs(fields) do
      if field.parent == parent then
        local inner = has_inner[field.path] and ("codebeaker.%s.%s"):format(name, field.path) or "table"
        local kind = translate(field.kind, inner)
        local mark = field.optional and "?" or ""
        out[#out + 1] = ("---@field %s%s %s %s"):format(field.field, mark, kind, field.text)
      end
    end
    out[#out + 1] = ""
  end
end

---What the file should be.
---@return string
function M.generate()
  local file = assert(io.open(PROTOCOL))
  local document = file:read("*a")
  file:close()
  local out = {
    "--- What the daemon says, as far as the plug-in reads it. Generated from protocol.md by scripts/types.lua.",
    "---@meta",
    "-- luacheck: no max line length",
    "",
  }
  for _, wanted in ipairs(WANTED) do
    classes(rows(document, wanted[1], wanted[2]), wanted[3], out)
  end
  return (table.concat(out, "\n"):gsub("\n+$", "\n"))
end

-- Run, and not required.
if arg and arg[0] and arg[0]:find("types.lua", 1, true) then
  local file = assert(io.open(M.FILE, "w"))
  file:write(M.generate())
  file:close()
end

return M
