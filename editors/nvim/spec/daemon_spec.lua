local editors = require("spec.support.editor")

local TEXT = "print('it runs')"

describe("the daemon", function()
  local editor

  after_each(function()
    if editor then
      editor:stop()
      editor = nil
    end
  end)

  it("that is missing is told of with what to do, and taken when it is there", function()
    local place = vim.fn.tempname()
    editor = editors.start({
      files = { ["main.py"] = TEXT },
      open = "main.py",
      env = { CODEBEAKER_BIN = place },
      lines = 40,
    })
    assert.are.equal("", editor:lua("return vim.fn.execute('messages')"))
    editor:press(":Codebeaker run<CR>")
    local screen = editor:sees("the daemon is not there")
    assert.matches("cargo install", screen)
    assert.matches("let g:codebeaker", screen)
    editor:press("<CR>")
    vim.uv.fs_symlink(editors.daemon, place)
    editor:press(":Codebeaker run<CR>")
    editor:sees("│ it runs")
  end)

  it("that was missing gives lenses as soon as the user comes back", function()
    local place = vim.fn.tempname()
    editor = editors.start({ files = { ["main.py"] = TEXT }, open = "main.py", env = { CODEBEAKER_BIN = place } })
    editor:awaits("the watch", "return #vim.api.nvim_get_autocmds({ event = 'FocusGained' }) > 0")
    vim.uv.fs_symlink(editors.daemon, place)
    editor:command("doautocmd FocusGained")
    editor:ready()
  end)

  it("that ends takes its runs with it, and comes again with the next", function()
    editor = editors.start({
      files = { ["main.py"] = "import time\nprint('on', flush=True)\ntime.sleep(600)" },
      open = "main.py",
    })
    editor:ready()
    editor:command("Codebeaker run")
    editor:sees("\non")
    editor:lua([[
      vim.lsp.get_clients()[1]:request_sync("server/info", vim.empty_dict(), 5000)
      local answer = vim.lsp.get_clients()[1]:request_sync("server/info", vim.empty_dict(), 5000)
      vim.uv.kill(answer.result.pid, "sigkill")]])
    editor:sees("── is lost: its sandbox came to an end")
    editor:lua("vim.api.nvim_buf_set_lines(0, 0, -1, true, { 'print(6 * 7)' })")
    editor:command("Codebeaker run")
    editor:sees("│ 42")
  end)

  it("is gone with the editor, and with it what runs", function()
    editor = editors.start({
      files = { ["main.py"] = "import time\nprint('on', flush=True)\ntime.sleep(600)" },
      open = "main.py",
    })
    editor:ready()
    local mark = "mark-" .. vim.fn.rand()
    editor:command("Codebeaker run " .. mark)
    editor:sees("\non")
    editor:crash(editor:daemon(), mark)
  end)

  it("is not started for what is no file, nor when that is not wanted", function()
    editor = editors.start({ files = { ["main.py"] = TEXT }, open = "main.py", options = { autostart = false } })
    editor:command("set filetype=python")
    editor:command("help")
    vim.wait(300)
    assert.are.equal(0, editor:lua("return #vim.lsp.get_clients()"))
    editor:command("bwipeout")
    editor:command("Codebeaker run")
    editor:sees("│ it runs")
  end)

  it("says what can be run: other files have no lenses and no client", function()
    editor = editors.start({ files = { ["main.py"] = TEXT, ["notes.txt"] = "words" }, open = "main.py" })
    editor:ready()
    editor:command("edit notes.txt")
    vim.wait(300)
    assert.are.equal(0, editor:lua("return #vim.lsp.get_clients({ bufnr = 0 })"))
    editor:press(":Codebeaker run<CR>")
    editor:sees("no engine")
  end)

  it("that refuses to start is told of", function()
    editor = editors.start({
      files = { ["main.py"] = TEXT },
      open = "main.py",
      options = { cmd = { "/bin/false" }, autostart = false },
    })
    editor:press(":Codebeaker run<CR>")
    editor:sees("ended with 1 before it could be used")
  end)
end)

describe(":checkhealth codebeaker", function()
  it("has the editor, the options and the daemon's own report", function()
    local editor = editors.start({ options = { outptu = {} } })
    editor:command("checkhealth codebeaker")
    local report = table.concat(editor:lua("return vim.api.nvim_buf_get_lines(0, 0, -1, false)"), "\n")
    editor:stop()
    assert.matches("OK Neovim 0%.11", report)
    assert.matches("outptu: there is no such option", report)
    assert.matches("OK codebeaker %d", report)
    assert.matches("runtime%.native", report)
    assert.matches("engine%.python", report)
  end)

  it("says how a daemon that is missing is had", function()
    local editor = editors.start({ env = { CODEBEAKER_BIN = "/nowhere/codebeaker" } })
    editor:command("checkhealth codebeaker")
    local report = table.concat(editor:lua("return vim.api.nvim_buf_get_lines(0, 0, -1, false)"), "\n")
    editor:stop()
    assert.matches("ERROR the daemon is not there", report)
    assert.matches("cargo install", report)
  end)
end)
