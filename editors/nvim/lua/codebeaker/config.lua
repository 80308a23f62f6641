--- What the user wants: `vim.g.codebeaker`, a table or a function that gives one.
---
--- It is read whenever it is needed, so that a change counts at once. What is wrong in it is told once and by
--- `:checkhealth codebeaker`, and the default is taken in its place: a typing error never takes the plug-in away.

local M = {}

---@class codebeaker.OutputOptions
---@field position? "below"|"right"|"float"|"tab" where output is shown
---@field size? integer rows of the window below, columns of the one on the right
---@field open? boolean whether a run opens the window
---@field focus? boolean whether a run goes into it, to type

---@class codebeaker.InlineOptions
---@field enabled? boolean whether results are shown below the code
---@field lines? integer the most lines of output that are shown there

---@class codebeaker.Options
---@field cmd? string[] the daemon and its arguments; without it, `codebeaker` is looked for
---@field autostart? boolean whether files have lenses as soon as they are opened
---@field filetypes? string[] only these; without it, all that the daemon can run
---@field root_markers? string[] what the directory of a project has in it
---@field lenses? boolean whether *Run* and *Debug* are shown
---@field input? "terminal"|"none" whether programs get a terminal to read from
---@field output? codebeaker.OutputOptions
---@field inline? codebeaker.InlineOptions
---@field env? table<string, string> variables of every run
---@field timeout_ms? integer how long a run may take
---@field session? table what `session/create` takes, for every session: runtime, preference, limits …

---@type codebeaker.Options
M.defaults = {
  autostart = true,
  root_markers = { ".git" },
  lenses = true,
  input = "terminal",
  output = { position = "below", size = 12, open = true, focus = false },
  inline = { enabled = true, lines = 8 },
  env = {},
  session = {},
}

---@alias codebeaker.Check fun(value: any): string? what is wrong with a value

---@param kind string
---@return codebeaker.Check
local function of_type(kind)
  return function(value)
    if type(value) ~= kind then
      return ("must be a %s, not %s"):format(kind, vim.inspect(value))
    end
  end
end

---@param value any
---@return string?
local function strings(value)
  if not vim.islist(value) or vim.iter(value):any(function(one)
    return type(one) ~= "string"
  end) then
    return "must be a list of strings, not " .. vim.inspect(value)
  end
end

---@param value any
---@return string?
local function command(value)
  return strings(value) or (value[1] == nil and "must name a program" or nil)
end

---@param value any
---@return string?
local function variables(value)
  if type(value) ~= "table" then
    return "must be a table, not " .. vim.inspect(value)
  end
  for name, text in pairs(value) do
    if type(name) ~= "string" or type(text) ~= "string" then
      return ("must have strings for names and values, not %s = %s"):format(vim.inspect(name), vim.inspect(text))
    end
  end
end

---@param least integer
---@return codebeaker.Check
local function at_least(least)
  return function(value)
    if type(value) ~= "number" or value < least or value % 1 ~= 0 then
      return ("must be a whole number, %d or more, not %s"):format(least, vim.inspect(value))
    end
  end
end

---@param ... string
---@return codebeaker.Check
local function one_of(...)
  local allowed = { ... }
  return function(value)
    if not vim.list_contains(allowed, value) then
      return ("must be one of %s, not %s"):format(table.concat(allowed, ", "), vim.inspect(value))
    end
  end
end

---@type table<string, codebeaker.Check | table<string, codebeaker.Check>>
local checks = {
  cmd = command,
  autostart = of_type("boolean"),
  filetypes = strings,
  root_markers = strings,
  lenses = of_type("boolean"),
  input = one_of("terminal", "none"),
  output = {
    position = one_of("below", "right", "float", "tab"),
    size = at_least(1),
    open = of_type("boolean"),
    focus = of_type("boolean"),
  },
  inline = { enabled = of_type("boolean"), lines = at_least(0) },
  env = variables,
  timeout_ms = at_least(1),
  session = of_type("table"),
}

---Takes over what is right, and notes what is not.
---@param given table
---@param rules table<string, codebeaker.Check | table<string, codebeaker.Check>>
---@param into table
---@param prefix string
---@param problems string[]
local function take(given, rules, into, prefix, problems)
  for key, value in vim.spairs(given) do
    local rule, name = rules[key], prefix .. tostring(key)
    if not rule then
      problems[#problems + 1] = ("%s: there is no such option"):format(name)
    elseif type(rule) == "table" then
      if type(value) == "table" then
        take(value, rule, into[key], name .. ".", problems)
      else
        problems[#problems + 1] = ("%s: must be a table, not %s"):format(name, vim.inspect(value))
      end
    else
      local wrong = rule(value)
      if wrong then
        problems[#problems + 1] = ("%s: %s"):format(name, wrong)
      else
        into[key] = value
      end
    end
  end
end

---The options, and what is wrong with those that were given.
---@return codebeaker.Options options
---@return string[] problems
function M.read()
  local options, problems = vim.deepcopy(M.defaults), {}
  local given = vim.g.codebeaker
  if type(given) == "function" then
    local ok, result = pcall(given)
    if not ok then
      problems[1] = "vim.g.codebeaker: " .. tostring(result)
    end
    given = ok and result or nil
  end
  if type(given) == "table" then
    take(given, checks, options, "", problems)
  elseif given ~= nil then
    problems[#problems + 1] = "vim.g.codebeaker: must be a table or a function, not " .. vim.inspect(given)
  end
  return options, problems
end

---@type table<string, true>
local told = {}

---The options.
---@return codebeaker.Options
function M.get()
  local options, problems = M.read()
  for _, problem in ipairs(problems) do
    if not told[problem] then
      told[problem] = true
      require("codebeaker.say").warn(problem .. "\nThe default is taken in its place; see :help codebeaker-options")
    end
  end
  return options
end

return M
