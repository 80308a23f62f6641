local editors = require("spec.support.editor")

-- Chooses what begins with a text wherever the user would be asked; what is offered can be looked at.
local CHOOSE = [[
  local wanted = { ... }
  _G.offered = {}
  vim.ui.select = function(items, options, done)
    local titles = vim.tbl_map(options.format_item or tostring, items)
    table.insert(offered, titles)
    local want = table.remove(wanted, 1)
    for index, title in ipairs(titles) do
      if want and title:find(want, 1, true) then
        return done(items[index], index)
      end
    end
    done(nil)
  end]]

describe("a session", function()
  local editor

  before_each(function()
    local text = "import pathlib\np = pathlib.Path('kept')\nprint(p.exists())\np.write_text('one\\ntwo\\n')"
    editor = editors.start({ files = { ["main.py"] = text }, open = "main.py" })
    editor:ready()
  end)

  after_each(function()
    editor:stop()
  end)

  local function opened()
    return editor:awaits("the session", "local s = require('codebeaker.session').current(); return s and s.sessionId")
  end

  it("of a run is gone with it", function()
    editor:command("Codebeaker run")
    editor:sees("│ False")
    editor:command("Codebeaker clear")
    editor:command("Codebeaker run")
    editor:sees("│ False")
    editor:awaits(
      "the end of both",
      [[
      return #vim.lsp.get_clients()[1]:request_sync("session/list", vim.empty_dict(), 5000).result.sessions == 0]]
    )
    assert.are.equal(0, vim.fn.filereadable(editor.folder .. "/kept"))
  end)

  it("that is opened keeps what runs leave, until it is closed", function()
    editor:command("Codebeaker session new native")
    opened()
    editor:command("Codebeaker run")
    editor:sees("│ False")
    editor:command("Codebeaker run")
    editor:sees("│ True")
    editor:command([[set statusline=%{v:lua.require('codebeaker').statusline()}]])
    editor:sees("▶ native session")
    editor:command("Codebeaker session close")
    editor:misses("▶ native session")
    editor:command("Codebeaker run")
    editor:sees("│ False")
  end)

  it("is opened in the runtime that was chosen", function()
    editor:lua(CHOOSE, "native")
    editor:command("Codebeaker session runtime")
    opened()
    assert.matches("native %(namespaces%)", table.concat(editor:lua("return offered[1]"), "\n"))
  end)

  it("can be picked, its files read and written", function()
    editor:command("Codebeaker session new")
    local id = opened()
    editor:command("Codebeaker run")
    editor:sees("│ False")
    editor:lua(CHOOSE, id, "files")
    editor:command("Codebeaker sessions")
    editor:awaits("its files", "return vim.bo.filetype == 'codebeaker-files'")
    assert.matches(id .. ".*runs go here", editor:lua("return offered[1][1]"))
    editor:sees("main.py")
    editor:lua("vim.fn.search('kept')")
    editor:press("<CR>")
    editor:awaits("the file", "return vim.b.codebeaker_etag ~= nil")
    assert.are.equal(("codebeaker://%s/kept"):format(id), editor:lua("return vim.api.nvim_buf_get_name(0)"))
    assert.are.same({ "one", "two" }, editor:lua("return vim.api.nvim_buf_get_lines(0, 0, -1, false)"))
    editor:command("1s/one/three/")
    editor:command("write")
    assert.is_false(editor:lua("return vim.bo.modified"))
    local read = [[
      local params = { sessionId = ..., path = "kept" }
      return vim.lsp.get_clients()[1]:request_sync("fs/read", params, 5000).result.data]]
    assert.are.equal("three\ntwo\n", editor:lua(read, id))
    -- What somebody else has changed is not written over.
    local write = [[
      local params = { sessionId = ..., path = "kept", data = "theirs" }
      vim.lsp.get_clients()[1]:request_sync("fs/write", params, 5000)]]
    editor:lua(write, id)
    editor:lua("vim.notify = function(text) _G.said = text end")
    editor:command("2s/two/four/")
    pcall(editor.command, editor, "write")
    assert.is_true(editor:lua("return vim.bo.modified"))
    assert.are.equal("theirs", editor:lua(read, id))
    editor:lua(CHOOSE, id, "Close")
    editor:command("Codebeaker sessions")
    editor:awaits("its end", "return require('codebeaker.session').current() == nil")
  end)

  it("is in the tree, with what ran in it and its files", function()
    editor:command("Codebeaker session new")
    local id = opened()
    editor:command("Codebeaker run")
    editor:sees("│ False")
    editor:command("Codebeaker tree")
    local screen = editor:sees("▸ " .. id)
    assert.matches("sessions *│", screen)
    local function on(text, keys)
      editor:awaits("the tree", "return vim.bo.filetype == 'codebeaker-sessions'")
      editor:sees(text)
      editor:lua("vim.fn.search(...)", "\\V" .. text)
      editor:press(keys)
    end
    on(id, "<CR>")
    on("▸ files", "<CR>")
    editor:sees("▾ files")
    on("▸ executions (0 run)", "<CR>")
    editor:sees("▾ executions (0 run)")
    on("kept", "<CR>")
    editor:awaits("the file", "return vim.b.codebeaker_etag ~= nil")
    assert.are.equal(("codebeaker://%s/kept"):format(id), editor:lua("return vim.api.nvim_buf_get_name(0)"))
    -- What ended can be read again, from what the daemon has kept.
    editor:command("Codebeaker tree")
    on("  ended well", "<CR>")
    local printed = editor:awaits(
      "its output",
      [[
      local buffer = vim.iter(vim.api.nvim_list_bufs()):find(function(one)
        return vim.api.nvim_buf_get_name(one):find("output://exe_", 1, true)
      end)
      local text = buffer and table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, false), "\n") or ""
      return text:find("ended well") and text]]
    )
    assert.matches("main%.py *\nFalse *\n── ended well", printed)
    assert.is_nil(editor:screen():find("stream:", 1, true))
    -- It follows what happens, and what runs is ended from it.
    editor:lua("vim.cmd.wincmd('t')")
    editor:command("wincmd p")
    editor:command("buffer main.py")
    editor:lua("vim.api.nvim_buf_set_lines(0, 0, -1, true, { 'import time', 'time.sleep(600)' })")
    editor:command("Codebeaker run")
    editor:sees("▾ executions (1 run)")
    editor:command("Codebeaker tree")
    on("    runs", "x")
    editor:sees("▾ executions (0 run)")
    on(id, "x")
    editor:sees("(C)lose")
    editor:press("c")
    editor:sees("none is open")
  end)

  it("asks whether a program may reach a host, which it may not unless somebody says so", function()
    editor:lua("vim.g.codebeaker = { session = { network = { mode = 'allowlist' } } }")
    editor:lua([[vim.api.nvim_buf_set_lines(0, 0, -1, true, {
      "import urllib.request",
      "try:",
      "    urllib.request.urlopen('http://codebeaker.invalid/')",
      "except OSError as why:",
      "    print('it could not:', why)",
    })]])
    editor:press(":Codebeaker run<CR>")
    editor:sees("A program wants to reach codebeaker.invalid, port 80")
    editor:sees("1: No")
    editor:press("1<CR>")
    editor:sees("│ it could not: ")
  end)
end)
