local editors = require("spec.support.editor")

-- Says `initialize` and `launch` at the adapter, as a debugger does, and holds the program where it stops.
local DIAL = [[
  local adapter, launch, line = ...
  local pipe = vim.uv.new_pipe(false)
  local input, seq, buffer = pipe, 0, ""
  local function say(command, arguments)
    seq = seq + 1
    local body = vim.json.encode({ seq = seq, type = "request", command = command, arguments = arguments })
    input:write(("Content-Length: %d\r\n\r\n%s"):format(#body, body))
  end
  local function begin()
    say("initialize", { adapterID = "codebeaker", linesStartAt1 = true, columnsStartAt1 = true, pathFormat = "path" })
    say("launch", vim.tbl_extend("force", { type = "codebeaker", request = "launch", name = "spec" }, launch))
    pipe:read_start(function(_, data)
      buffer = buffer .. (data or "")
      while true do
        local head, length = buffer:match("^(Content%-Length: (%d+)\r\n\r\n)")
        if not head or #buffer < #head + length then
          return
        end
        local message = vim.json.decode(buffer:sub(#head + 1, #head + length))
        buffer = buffer:sub(#head + length + 1)
        if message.event == "initialized" then
          vim.schedule(function()
            local source = { path = vim.api.nvim_buf_get_name(0) }
            say("setBreakpoints", { source = source, breakpoints = { { line = line } } })
            say("configurationDone")
          end)
        elseif message.event == "stopped" then
          say("stackTrace", { threadId = message.body.threadId })
        elseif message.command == "stackTrace" then
          _G.stopped_at = message.body.stackFrames[1].line
        end
      end
    end)
  end
  if adapter.type == "pipe" then
    pipe:connect(adapter.pipe, function(err)
      assert(not err, err)
      begin()
    end)
  else
    input = vim.uv.new_pipe(false)
    local stdio = { input, pipe, nil }
    _G.adapter = assert(vim.uv.spawn(adapter.command, { args = adapter.args, stdio = stdio }, function() end))
    begin()
  end]]

describe("debugging", function()
  local editor

  after_each(function()
    editor:stop()
  end)

  it("says what it needs where nvim-dap is not there", function()
    editor = editors.start({ files = { ["main.py"] = "1" }, open = "main.py" })
    editor:ready()
    editor:press(":Codebeaker debug<CR>")
    editor:sees("debugging needs the plug-in nvim-dap")
    -- Others that ask for it are told the same as ever, again and again.
    assert.is_false(editor:lua("return (pcall(require, 'dap'))"))
    assert.is_false(editor:lua("return (pcall(require, 'dap'))"))
  end)

  it("has its adapter with nvim-dap when somebody first requires that", function()
    editor = editors.start({ stubs = true, options = { autostart = false } })
    assert.is_true(editor:lua("return package.loaded.dap == nil and package.loaded['codebeaker.dap'] == nil"))
    assert.are.equal("function", editor:lua("return type(require('dap').adapters.codebeaker)"))
    assert.is_true(editor:lua("return require('dap') == package.loaded.dap"))
    -- Nothing runs for this buffer: no configuration.
    assert.are.same({}, editor:lua("return require('dap').providers.configs.codebeaker(0)"))
  end)

  it("of a configuration with a program is a process of its own", function()
    editor = editors.start({ stubs = true })
    local adapter = editor:lua([[
      local dap = require("dap")
      dap.run({ type = "codebeaker", request = "launch", name = "it", program = "/tmp/a.py" }, {})
      return dap.runs[1].adapter]])
    assert.are.same({ type = "executable", command = editors.daemon, args = { "dap" } }, adapter)
  end)

  it("of a buffer stops in it as it stands, unsaved", function()
    editor = editors.start({ files = { ["main.py"] = "print(1)" }, open = "main.py", stubs = true })
    editor:ready()
    assert.are.equal(1, editor:lua("return #require('dap').providers.configs.codebeaker(0)"))
    editor:lua("vim.api.nvim_buf_set_lines(0, 0, -1, true, { 'x = 1', 'y = 2', 'print(x + y)' })")
    editor:command("Codebeaker debug")
    editor:awaits("the adapter", "return require('dap').runs[1].adapter ~= nil")
    local adapter = editor:lua("return require('dap').runs[1].adapter")
    assert.are.equal("pipe", adapter.type)
    -- nvim-dap sends the whole configuration, with what is meant for the plug-in alone.
    editor:lua(DIAL, adapter, editor:lua("return require('dap').runs[1].config"), 3)
    local line = editor:awaits("a stop", "return stopped_at")
    assert.are.equal(3, line)
  end)

  it("ends with the editor, and with it what is debugged, whoever runs the adapter", function()
    for _, way in ipairs({ "buffer", "program" }) do
      editor = editors.start({ files = { ["main.py"] = "x = 1\nprint(x)" }, open = "main.py", stubs = true })
      editor:ready()
      local mark = "mark-" .. vim.fn.rand()
      local launch = vim.empty_dict()
      if way == "buffer" then
        editor:lua("vim.b.codebeaker = { args = { ... } }", mark)
        editor:command("Codebeaker debug")
      else
        launch = { program = editor.folder .. "/main.py", args = { mark } }
        editor:lua("require('dap').run(...)", { type = "codebeaker", request = "launch", name = "it", program = "" })
      end
      local adapter = editor:awaits("the adapter", "local run = require('dap').runs[1]; return run and run.adapter")
      editor:lua(DIAL, adapter, launch, 2)
      assert.are.equal(2, editor:awaits("a stop", "return stopped_at"))
      editor:crash(way == "buffer" and editor:daemon() or editor:lua("return adapter:get_pid()"), mark)
      editor:stop()
    end
  end)

  it("begins by the lens", function()
    editor = editors.start({ files = { ["main.py"] = "print(1)" }, open = "main.py", stubs = true })
    editor:ready()
    editor:press(":Codebeaker lens<CR>")
    editor:sees("2: ")
    editor:press("2<CR>")
    editor:awaits("the adapter", "local run = require('dap').runs[1]; return run and run.adapter ~= nil")
  end)
end)
