-- Neovim's own LSP client as the client, with no plug-in and no configuration:
--   nvim --headless --clean -l tests/clients/neovim.lua

local TIMEOUT_MS = 30000

local function say(...)
  io.stdout:write(string.format(...), "\n")
end

local function await(what, condition)
  assert(vim.wait(TIMEOUT_MS, condition, 5), "waited in vain for " .. what)
end

local function equal(got, wanted, what)
  assert(vim.deep_equal(got, wanted), ("%s: %s, not %s"):format(what, vim.inspect(got), vim.inspect(wanted)))
end

local events, exit = {}, nil

local function note(_, params, context)
  events[#events + 1] = { method = context.method, params = params }
end

local function output()
  local text = {}
  for _, event in ipairs(events) do
    if event.method == "execution/output" then
      text[#text + 1] = event.params.data
    end
  end
  return table.concat(text)
end

local function find(method)
  for _, event in ipairs(events) do
    if event.method == method then
      return event.params
    end
  end
end

local handlers = {}
for _, method in ipairs({ "execution/started", "execution/output", "execution/exited", "session/stateChanged" }) do
  handlers[method] = note
end

vim.lsp.config.codebeaker = {
  cmd = { vim.env.CODEBEAKER_BIN or "target/debug/codebeaker" },
  filetypes = { "python" },
  root_dir = vim.fn.getcwd(),
  handlers = handlers,
  on_exit = function(code, signal)
    exit = { code = code, signal = signal }
  end,
}
vim.lsp.enable("codebeaker")
vim.cmd.edit("examples/hello.py")
vim.bo.filetype = "python"

local client
await("the handshake", function()
  client = vim.lsp.get_clients({ name = "codebeaker" })[1]
  return client and client.initialized
end)
equal(client.server_info.name, "codebeaker", "name of the server")
equal(client.server_capabilities.experimental.codebeaker.protocolVersion, "1.0", "version of the protocol")
say("handshake with %s %s", client.server_info.name, client.server_info.version)

-- Sends a request and, unless `later`, waits for its answer.
local function call(method, params, later)
  local answer = {}
  local sent, id = client:request(method, params, function(err, result)
    answer.err, answer.result, answer.done = err, result, true
  end)
  assert(sent, "not sent: " .. method)
  answer.wait = function()
    await("the answer of " .. method, function()
      return answer.done
    end)
    return answer.result, answer.err
  end
  if later then
    return answer, id
  end
  return answer.wait()
end

local session = assert(call("session/create", { language = "python" })).sessionId

local function execute(code, options, later)
  events = {}
  local params = { sessionId = session, source = { code = code, language = "python" } }
  return call("session/execute", vim.tbl_extend("error", params, options or {}), later)
end

local result = assert(execute("for i in range(2000): print(i)"))
equal(result.outcome, "ok", "outcome")
local numbers = {}
for i = 0, 1999 do
  numbers[#numbers + 1] = i .. "\n"
end
equal(output(), table.concat(numbers), "output, when the answer is there")
equal(events[1].method, "execution/started", "first event")
equal(events[#events].method, "execution/exited", "last event")
say("2000 lines in order, all before the answer")

local answer = execute("print('hello,', input())", { stdin = "stream" }, true)
await("the start", function()
  return find("execution/started")
end)
local execution = find("execution/started").executionId
assert(call("execution/stdin", { executionId = execution, data = "Ada\n" }))
equal(answer.wait().outcome, "ok", "outcome")
equal(output(), "hello, Ada\n", "output")
say("typed into it")

local id
answer, id = execute([[
try:
    print('on and on')
    while True: pass
except KeyboardInterrupt:
    print('tidied up')]], {}, true)
await("output", function()
  return output() == "on and on\n"
end)
client:cancel_request(id)
equal(answer.wait().outcome, "cancelled", "outcome")
equal(output(), "on and on\ntidied up\n", "output of a cancelled run")
say("cancelled")

local _, err = call("session/execute", { sessionId = "ses_nobody", source = { code = "", language = "python" } })
equal(err.code, 1100, "code of the error")

-- What Neovim does when it is left: `shutdown`, `exit`, and no `session/close`.
client:stop()
await("the end", function()
  return exit
end)
equal(exit, { code = 0, signal = 0 }, "exit of the daemon")
say("ended with 0")
