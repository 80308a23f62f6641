local editors = require("spec.support.editor")

local HELLO = table.concat({ "import helper", "print('hello,', helper.word)", "print('\\x1b[31mred\\x1b[0m')" }, "\n")

describe("a run", function()
  local editor

  after_each(function()
    if editor then
      editor:stop()
      editor = nil
    end
  end)

  local function start(text, options)
    editor = editors.start({
      files = { ["main.py"] = text, ["helper.py"] = "word = 'saved'" },
      open = "main.py",
      options = options,
    })
    editor:ready()
  end

  it("shows what is printed in a terminal, and below the code", function()
    start(HELLO)
    editor:command("Codebeaker run")
    editor:sees("── ended well after")
    editor:sees("╭ ended well after")
    editor:sees("│ red")
    local screen = editor:sees("\nhello, saved")
    assert.matches("── main%.py", screen)
    assert.matches("│ hello, saved", screen)
    assert.is_nil(screen:find("\27", 1, true))
  end)

  it("is of the document as it stands, unsaved", function()
    start(HELLO)
    editor:press("Goprint('typed')<Esc>")
    editor:sees("print('typed')")
    editor:command("Codebeaker")
    editor:sees("│ typed")
  end)

  it("takes the result away when the code is edited", function()
    start("print('once')")
    editor:command("Codebeaker run")
    editor:sees("╭ ended well")
    editor:press("ox = 1<Esc>")
    editor:misses("╭ ended well")
  end)

  it("takes what is typed into its terminal", function()
    start("name = input('name? ')\nprint('hello,', name.upper())")
    editor:command("Codebeaker run")
    editor:command("Codebeaker output")
    editor:press("ada<CR>")
    editor:sees("hello, ADA")
    editor:sees("── ended well")
  end)

  it("is sent a line by a command, when its terminal is not shown", function()
    start("print('hello,', input())", { output = { open = false } })
    editor:command("Codebeaker run")
    editor:awaits("the start", "return #require('codebeaker.execution').running() == 1 and true or nil")
    editor:command("Codebeaker send Grace Hopper")
    editor:sees("│ hello, Grace Hopper")
  end)

  it("gets the size of its window, and every new one", function()
    local text = "import os, time\nwhile True:\n  s = os.get_terminal_size()\n"
      .. "  print(f'{s.columns} by {s.lines}', flush=True)\n  time.sleep(0.1)"
    start(text)
    editor:command("Codebeaker run")
    editor:sees("80 by 12")
    editor:lua("vim.api.nvim_win_set_height(vim.fn.bufwinid('codebeaker-output'), 7)")
    editor:sees("80 by 7")
    editor:command("Codebeaker stop")
    editor:sees("KeyboardInterrupt")
  end)

  it("stops, and is killed when it doesn't", function()
    start(
      "import signal, time\nsignal.signal(signal.SIGINT, lambda *_: print('no'))\nprint('on')\n"
        .. "while True: time.sleep(0.1)"
    )
    editor:command("Codebeaker run")
    editor:sees("\non")
    editor:command("Codebeaker stop")
    editor:sees("\nno")
    editor:command("Codebeaker stop")
    editor:sees("── was ended by SIGKILL")
  end)

  it("gets its arguments, and remembers them", function()
    start("import sys\nprint(sys.argv[1:])")
    editor:command([[Codebeaker run one 'two words' three\ more]])
    editor:sees("│ ['one', 'two words', 'three more']")
    editor:command("Codebeaker clear")
    editor:misses("│ ['one'")
    editor:command("Codebeaker run")
    editor:sees("│ ['one', 'two words', 'three more']")
    editor:command("Codebeaker! run")
    editor:sees("│ []")
  end)

  it("is of lines: by a range, a selection and a motion", function()
    start("print('a')\nprint('b')\nprint('c')\nprint('d')")
    editor:command("2,3Codebeaker run")
    local screen = editor:sees("╭ ended well")
    assert.matches("── main%.py:2%-3", screen)
    assert.matches("│ b *\n +│ c", screen)
    assert.is_nil(screen:find("│ a", 1, true))
    editor:command("Codebeaker clear")
    editor:command("nmap gr <Plug>(CodebeakerRunMotion)")
    editor:command("xmap gr <Plug>(CodebeakerRunSelection)")
    editor:press("ggVgr")
    editor:sees("│ a")
    editor:press("Ggrgg")
    editor:sees("│ d")
  end)

  it("fails with its exit code, and the error is marked", function()
    start("def f():\n    return 1 / 0\nf()")
    editor:command("Codebeaker run")
    editor:sees("╭ failed with exit code 1")
    local marks = editor:awaits("the mark", "local all = vim.diagnostic.get(0); return #all > 0 and all or nil")
    assert.are.equal("ZeroDivisionError: division by zero", marks[1].message)
    assert.are.equal(1, marks[1].lnum)
    editor:command("Codebeaker trace")
    local items = editor:lua("return vim.fn.getqflist()")
    assert.are.equal("ZeroDivisionError: division by zero", items[1].text)
    assert.are.equal(3, items[2].lnum)
  end)

  it("has a session as the options want it, and the engine that was chosen", function()
    start(
      "import os\nprint(open('/proc/self/limits').read().count('77'))",
      { session = { limits = { openFiles = 77 } } }
    )
    editor:command("Codebeaker run")
    editor:sees("│ 2")
    editor:press(":Codebeaker engine<CR>")
    editor:sees("1: the best one that there is")
    editor:sees("2: python: Python 3")
    editor:press("2<CR>")
    editor:sees("this buffer runs with python")
    editor:command("Codebeaker engine bash")
    editor:lua("vim.api.nvim_buf_set_lines(0, 0, -1, true, { 'echo by $0 | cut -c1-2' })")
    editor:command("Codebeaker run")
    editor:sees("│ by")
  end)

  it("keeps control strings of a program from the terminal", function()
    start("print('a\\x1b]52;c;aGk=\\x07b\\x1b]0;title\\x1b\\\\c')")
    editor:command("Codebeaker run")
    editor:sees("│ abc")
    editor:sees("\nabc")
  end)

  it("runs by its lens", function()
    start("print('by its lens')")
    editor:press(":Codebeaker lens<CR>")
    editor:sees("Debug")
    editor:press("1<CR>")
    editor:sees("│ by its lens")
  end)

  it("is told to others", function()
    start("print('told')")
    editor:lua([[
      _G.told = {}
      vim.api.nvim_create_autocmd("User", { pattern = "Codebeaker*", callback = function(event)
        table.insert(told, { event.match, event.data.title, event.data.result and event.data.result.outcome })
      end })]])
    editor:command("Codebeaker run")
    editor:sees("╭ ended well")
    local told = vim.tbl_filter(function(one)
      return one[1] ~= "CodebeakerSessionChanged"
    end, editor:lua("return told"))
    assert.are.same({ "CodebeakerStarted", "main.py" }, { told[1][1], told[1][2] })
    assert.are.same({ "CodebeakerEnded", "main.py", "ok" }, told[2])
  end)

  it("shows in the status line", function()
    start("import time\nprint('on', flush=True)\ntime.sleep(600)")
    editor:command([[set statusline=%{v:lua.require('codebeaker').statusline()}]])
    editor:command("Codebeaker run")
    editor:sees("▶ main.py 1s")
    editor:command("Codebeaker stop")
    editor:misses("▶ main.py")
  end)

  it("holds large outputs, to the last line", function()
    start("for i in range(30000): print('line', i)")
    editor:command("Codebeaker run")
    local screen = editor:sees("╭ ended well")
    assert.matches("│ … %d+ more above", screen)
    assert.matches("│ line 29999", screen)
    editor:sees("\nline 29999")
  end)
end)
