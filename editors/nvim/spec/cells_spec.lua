local editors = require("spec.support.editor")

local CELLS = {
  "# %% first",
  "x = 20",
  "print('one')",
  "",
  "# %% second",
  "x += 1",
  "x * 2",
  "",
  "# %% third",
  "print('three', x)",
}

-- A picture of one dot.
local PICTURE = [[
import base64
class Picture:
    def _repr_png_(self):
        data = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
        return base64.b64decode(data)
    def __repr__(self):
        return "a picture"
Picture()]]

describe("a cell", function()
  local editor

  after_each(function()
    editor:stop()
  end)

  local function start(text)
    editor = editors.start({
      files = { ["main.py"] = text },
      open = "main.py",
      stubs = true,
      options = { output = { size = 7 } },
    })
    editor:sees("▶ Run")
  end

  it("keeps what the one before it left, and shows its value below itself", function()
    start(table.concat(CELLS, "\n"))
    editor:sees("▶ Run | Debug | ▶ Run cell | Debug cell | Run below")
    editor:command("Codebeaker cell")
    editor:sees("│ one")
    editor:command("Codebeaker cell next")
    editor:awaits("the second cell", "return vim.api.nvim_win_get_cursor(0)[1] == 5")
    editor:command("Codebeaker cell")
    editor:sees("│ 42")
    local screen = editor:sees("\n42")
    -- Each has its own result, right below it, and the terminal has both.
    assert.matches("print%('one'%) *\n +╭ ended well[^\n]*\n +│ one *\n", screen)
    assert.matches("x %* 2 *\n +╭ ended well[^\n]*\n +│ 42 *\n", screen)
    assert.matches("── main%.py:5%-8 *\n42 *\n", screen)
    -- What is edited loses its result, and nothing else does.
    editor:press("ggjcwy<Esc>")
    editor:misses("│ one")
    editor:sees("│ 42")
    editor:command("Codebeaker cell previous")
    editor:awaits("its beginning", "return vim.api.nvim_win_get_cursor(0)[1] == 1")
  end)

  it("runs with all above and all below, until one fails", function()
    start(table.concat(CELLS, "\n"))
    editor:sees("▶ Run cell")
    editor:command("5")
    editor:command("Codebeaker cell above")
    editor:sees("│ one")
    editor:command("Codebeaker cell below")
    editor:sees("│ 42")
    editor:sees("│ three 21")
    editor:command("2s/20/1 \\/ 0/")
    editor:command("Codebeaker clear")
    editor:press(":Codebeaker cell all<CR>")
    editor:sees("╭ failed: ZeroDivisionError")
    editor:sees("2 cells that come after it were not run")
    editor:awaits("the mark", "return #vim.diagnostic.get(0) == 1 and vim.diagnostic.get(0)[1].lnum == 1")
    assert.is_nil(editor:screen():find("│ three", 1, true))
  end)

  it("runs by its lens, and lines of it by a range", function()
    start(table.concat(CELLS, "\n"))
    editor:sees("▶ Run cell")
    editor:command("9")
    editor:lua("vim.b.codebeaker = {}")
    editor:command("2,2Codebeaker cell")
    editor:sees("╭ ended well")
    editor:press(":Codebeaker lens<CR>")
    editor:sees("▶ Run cell")
    editor:press("1<CR>")
    editor:sees("│ three 20")
  end)

  it("is interrupted and keeps what there is, and is restarted and does not", function()
    start("# %%\nx = 5\nimport time\n# %%\nprint('on', flush=True)\ntime.sleep(600)\n# %%\nprint('x' in globals())")
    editor:sees("▶ Run cell")
    editor:command("Codebeaker cell")
    editor:sees("╭ ended well")
    editor:command("4")
    editor:command("Codebeaker cell")
    editor:sees("\non")
    editor:command("Codebeaker stop")
    editor:sees("╭ was ended by SIGINT")
    editor:command("7")
    editor:command("Codebeaker cell")
    editor:sees("│ True")
    editor:press(":Codebeaker cell restart<CR>")
    editor:sees("the interpreter began anew")
    editor:command("Codebeaker cell")
    editor:sees("│ False")
    editor:lua("vim.api.nvim_buf_set_lines(0, 7, -1, true, { 'import os; os._exit(7)' })")
    editor:lua("vim.notify = function(text) _G.said = text end")
    editor:command("Codebeaker cell")
    editor:awaits("the news", "return said and said:find('the interpreter of main.py is gone', 1, true)")
  end)

  it("is gone with the editor, and its interpreter too", function()
    start("import time\nprint('o' + 'n', flush=True)\ntime.sleep(600)")
    editor:command("Codebeaker cell")
    editor:sees("\non")
    local context = editor:lua([[
      local client = vim.lsp.get_clients()[1]
      local sessions = client:request_sync("session/list", vim.empty_dict(), 5000).result.sessions
      local params = { sessionId = sessions[1].sessionId }
      return client:request_sync("context/list", params, 5000).result.contexts[1].contextId]])
    editor:crash(editor:daemon(), context)
  end)

  it("asks for what it reads", function()
    start([[
import getpass
name = input('w' + 'ho? ')
word = getpass.getpass('w' + 'ord? ')
print(name.upper(), len(word))]])
    editor:press(":Codebeaker cell<CR>")
    editor:sees("\nwho?")
    editor:press("ada<CR>")
    editor:sees("\nword?")
    editor:press("secret<CR>")
    editor:sees("│ ADA 6")
    assert.is_nil(editor:screen():find("secret", 1, true))
  end)

  it("shows a picture in the program for it, and says so in words", function()
    start(PICTURE)
    editor:lua("vim.ui.open = function(path) _G.opened = path end")
    editor:command("Codebeaker cell")
    editor:sees("│ a picture, 1 KiB; :Codebeaker picture opens it")
    editor:command("Codebeaker picture")
    local path = editor:lua("return opened")
    local file = assert(io.open(path, "rb"))
    assert.are.equal("\137PNG", file:read(4))
    file:close()
  end)

  it("is debugged by itself", function()
    start(table.concat(CELLS, "\n"))
    editor:sees("Debug cell")
    editor:command("9")
    editor:press(":Codebeaker lens<CR>")
    editor:sees("2: ")
    editor:press("2<CR>")
    editor:awaits("the adapter", "local run = require('dap').runs[1]; return run and run.adapter ~= nil")
    assert.are.equal(8, editor:lua("return require('dap').runs[1].config.__codebeakerRow"))
  end)
end)
