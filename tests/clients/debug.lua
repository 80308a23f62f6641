-- A debugger's client in Neovim, with nvim-dap's habits and nothing of its code, which no registry carries:
--   nvim --headless --clean -l tests/clients/debug.lua DIRECTORY ADAPTER ARGUMENTS...
-- DIRECTORY holds the debuggees. Like nvim-dap it speaks over the pipes of a process that it starts, sends
-- `continue` and the like without waiting, asks for everything on the stack as soon as the program stops, and
-- for a child session starts the same command again.

local TIMEOUT_MS = 30000
local directory = assert(arg[1])
local command = { unpack(arg, 2) }
local steps = directory .. "/steps.py"

local function say(...)
  io.stdout:write(string.format(...), "\n")
end

local function await(what, condition)
  assert(vim.wait(TIMEOUT_MS, condition, 5), "waited in vain for " .. what)
end

local function equal(got, wanted, what)
  assert(vim.deep_equal(got, wanted), ("%s: %s, not %s"):format(what, vim.inspect(got), vim.inspect(wanted)))
end

local Session = {}
Session.__index = Session

function Session:take(data)
  self.buffer = self.buffer .. data
  while true do
    local head_end = self.buffer:find("\r\n\r\n", 1, true)
    local length = head_end and tonumber(self.buffer:match("Content%-Length: (%d+)"))
    if not length or #self.buffer < head_end + 3 + length then
      return
    end
    local body = self.buffer:sub(head_end + 4, head_end + 3 + length)
    self.buffer = self.buffer:sub(head_end + 4 + length)
    local message = vim.json.decode(body, { luanil = { object = true } })
    if message.type == "response" then
      local callback = assert(self.callbacks[message.request_seq], "an answer to nothing: " .. body)
      self.callbacks[message.request_seq] = nil
      callback(message)
    elseif message.type == "event" then
      self.events[#self.events + 1] = message
    else
      self.asked[#self.asked + 1] = message
      self:write({ type = "response", request_seq = message.seq, success = true, command = message.command })
    end
  end
end

function Session:write(message)
  self.seq = self.seq + 1
  message.seq = self.seq
  local body = vim.json.encode(message)
  self.input:write(("Content-Length: %d\r\n\r\n%s"):format(#body, body))
  return self.seq
end

-- Asks, and gives a table that has the answer when it is there.
function Session:ask(name, arguments)
  local pending = {}
  local seq = self:write({ type = "request", command = name, arguments = arguments })
  self.callbacks[seq] = function(message)
    pending.answer = message
  end
  return pending
end

function Session:result(name, arguments)
  local pending = self:ask(name, arguments)
  await("the answer to " .. name, function()
    return pending.answer
  end)
  assert(pending.answer.success, name .. ": " .. vim.inspect(pending.answer))
  return pending.answer.body
end

function Session:event(name)
  local found
  local came = vim.wait(TIMEOUT_MS, function()
    for index, event in ipairs(self.events) do
      if event.event == name then
        found = table.remove(self.events, index)
        return true
      end
    end
  end, 5)
  assert(came, ("no event %s among %s"):format(name, vim.inspect(self.events)))
  return found.body or {}
end

function Session:frame()
  local thread = self:event("stopped").threadId
  self:result("threads")
  local frame = self:result("stackTrace", { threadId = thread }).stackFrames[1]
  return frame, thread
end

local function session()
  return setmetatable({ buffer = "", seq = 0, callbacks = {}, events = {}, asked = {} }, Session)
end

local function start()
  local self = session()
  self.input = assert(vim.uv.new_pipe(false))
  local output = assert(vim.uv.new_pipe(false))
  self.process = assert(vim.uv.spawn(command[1], {
    args = { unpack(command, 2) },
    stdio = { self.input, output, nil },
    cwd = directory,
  }, function(code)
    self.exit = code
  end))
  output:read_start(vim.schedule_wrap(function(err, data)
    assert(not err, err)
    if data then
      self:take(data)
    end
  end))
  return self
end

-- Only debugpy wants this: ours is found by starting the command again.
local function dial(place)
  local self = session()
  self.input = assert(vim.uv.new_tcp())
  local connected
  self.input:connect(place.host, place.port, function(err)
    assert(not err, err)
    connected = true
  end)
  await("a connection", function()
    return connected
  end)
  self.input:read_start(vim.schedule_wrap(function(_, data)
    if data then
      self:take(data)
    end
  end))
  return self
end

function Session:initialize()
  return self:result("initialize", {
    clientID = "neovim",
    clientName = "neovim",
    adapterID = "nvim-dap",
    pathFormat = "path",
    columnsStartAt1 = true,
    linesStartAt1 = true,
    supportsRunInTerminalRequest = true,
    supportsStartDebuggingRequest = true,
    supportsVariableType = true,
    supportsANSIStyling = true,
    locale = "en_US.UTF-8",
  })
end

-- Launches as nvim-dap does: the breakpoints go when `initialized` comes.
function Session:launch(program, breakpoints, more)
  self:initialize()
  local launched = self:ask("launch", vim.tbl_extend("force", {
    type = "python",
    request = "launch",
    name = "nvim",
    program = directory .. "/" .. program,
    cwd = directory,
    console = "integratedTerminal",
    python = vim.env.PYTHON and { vim.env.PYTHON },
  }, more or {}))
  self:configure(program, breakpoints)
  await("the launch", function()
    return launched.answer
  end)
  assert(launched.answer.success, vim.inspect(launched.answer))
end

function Session:configure(program, breakpoints)
  self:event("initialized")
  local path = directory .. "/" .. program
  self:result("setBreakpoints", {
    source = { path = path, name = vim.fs.basename(path) },
    breakpoints = breakpoints,
    lines = vim.tbl_map(function(one)
      return one.line
    end, breakpoints),
    sourceModified = false,
  })
  self:result("setExceptionBreakpoints", { filters = {} })
  self:result("configurationDone")
end

-- After `terminated` the client closes, and says no more.
function Session:leave()
  self.input:close()
  await("the end of the adapter", function()
    return self.exit or not self.process
  end)
end

local one = start()
one:launch("steps.py", { { line = 6, condition = "number == 2" } }, { console = "internalConsole", subProcess = false })
local frame, thread = one:frame()
equal({ frame.name, frame.line, frame.source.path }, { "add", 6, steps }, "where it stopped")
local scopes = one:result("scopes", { frameId = frame.id }).scopes
local locals = one:result("variables", { variablesReference = scopes[1].variablesReference }).variables
local number = vim.tbl_filter(function(variable)
  return variable.name == "number"
end, locals)[1]
equal(number.value, "2", "the value of number")
equal(one:result("evaluate", { expression = "total + number", frameId = frame.id, context = "repl" }).result, "3", "a sum")
say("stopped where a condition holds")
one:ask("stepIn", { threadId = thread })
equal(one:event("stopped").reason, "step", "why it stopped")
one:ask("continue", { threadId = thread })
equal(one:event("exited").exitCode, 0, "the exit code")
one:event("terminated")
one:leave()
say("stepped, and ran to the end")

local parent = start()
parent:launch("children.py", {}, { console = "internalConsole", subProcess = true })
await("a request to debug the child", function()
  return parent.asked[1]
end)
equal(parent.asked[1].command, "startDebugging", "what the adapter asks")
local configuration = parent.asked[1].arguments.configuration
local child = configuration.connect and dial(configuration.connect) or start()
child:initialize()
local attached = child:ask("attach", configuration)
child:configure("children.py", { { line = 6 } })
local of_child, in_child = child:frame()
equal({ of_child.name, of_child.line }, { "work", 6 }, "where the child stopped")
assert(attached.answer and attached.answer.success, vim.inspect(attached))
child:ask("continue", { threadId = in_child })
child:event("terminated")
child:leave()
equal(parent:event("exited").exitCode, 0, "the exit code of the parent")
parent:event("terminated")
parent:leave()
say("debugged a child in a session of its own")
