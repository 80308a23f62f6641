local editors = require("spec.support.editor")

describe("words of a command", function()
  local words = require("codebeaker.command").words

  it("are cut at blanks", function()
    assert.are.same({ "run", "a", "b" }, words("  run a  b "))
    assert.are.same({}, words(""))
  end)

  it("keep what is quoted", function()
    assert.are.same({ "a b", "c'd", "", "e f" }, words([["a b" "c'd" '' e\ f]]))
    assert.are.same({ "a\\n" }, words([['a\n']]))
  end)
end)

describe(":Codebeaker", function()
  local editor

  after_each(function()
    editor:stop()
  end)

  it("is there, and nothing else is loaded, before it is used", function()
    editor = editors.start({ options = { autostart = false } })
    editor:awaits("the command", "return vim.fn.exists(':Codebeaker') == 2")
    assert.are.same(
      {},
      editor:lua([[return vim.tbl_filter(function(name)
      return vim.startswith(name, "codebeaker")
    end, vim.tbl_keys(package.loaded))]])
    )
  end)

  it("completes what the daemon has", function()
    editor = editors.start({ files = { ["main.py"] = "1" }, open = "main.py" })
    local complete = "return vim.fn.getcompletion(..., 'cmdline')"
    editor:ready()
    local all = editor:lua(complete, "Codebeaker ")
    for _, name in ipairs({ "run", "stop", "output", "debug", "sessions", "doctor" }) do
      assert.is_true(vim.list_contains(all, name), name)
    end
    assert.are.same({ "session", "sessions" }, editor:lua(complete, "Codebeaker ses"))
    assert.are.same({ "close", "new", "runtime" }, editor:lua(complete, "Codebeaker session "))
    assert.is_true(vim.list_contains(editor:lua(complete, "Codebeaker session new "), "native"))
    -- What a daemon does not have is not offered.
    editor:lua([[
      local offer = require("codebeaker.client").offer(vim.lsp.get_clients()[1])
      offer.methods = { "session/list" }]])
    assert.is_false(vim.list_contains(editor:lua(complete, "Codebeaker "), "debug"))
  end)

  it("says what there is when it is misspelled", function()
    editor = editors.start()
    editor:lua("vim.notify = function(text) _G.said = text end")
    editor:command("Codebeaker rum")
    assert.matches("there is no :Codebeaker rum%. There are: args, ", editor:lua("return said"))
  end)
end)
