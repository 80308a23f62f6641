local editors = require("spec.support.editor")

describe("packages", function()
  local editor, registry

  before_each(function()
    local lines = {}
    registry = vim.system({ "python3", "../../tests/packages/registry.py" }, {
      stdin = true,
      stdout = function(_, data)
        lines[#lines + 1] = data
      end,
    })
    local port = editors.await("the registry", function()
      return table.concat(lines):match("(%d+)\n")
    end)
    editor = editors.start({
      files = { ["main.js"] = "console.log('it is', require('small'))" },
      open = "main.js",
      settings = {
        "[packages]",
        ("npm-registry = 'http://127.0.0.1:%s/'"):format(port),
        "hosts = []",
        "machine = false",
      },
    })
    editor:ready()
  end)

  after_each(function()
    editor:stop()
    registry:kill("sigkill")
  end)

  it("are installed in the session that runs go to, which is opened for them", function()
    editor:lua([[
      local echo = vim.api.nvim_echo
      _G.told = {}
      vim.api.nvim_echo = function(chunks, ...)
        table.insert(told, chunks[1][1])
        return echo(chunks, ...)
      end]])
    editor:press(":Codebeaker install npm small<CR>")
    editor:sees("the session has now small 1.2.3")
    -- What it is about is told as soon as it is asked for, and what the daemon says of it then.
    local told = editor:lua("return told")
    assert.is_true(vim.list_contains(told, "codebeaker: opening a session"))
    assert.is_true(vim.list_contains(told, "codebeaker: npm installs small"))
    assert.is_true(#told > 4, vim.inspect(told))
    assert.is_true(vim.list_contains(told, ""), "it is taken away in the end")
    editor:command("Codebeaker run")
    editor:sees("│ it is small 1.2.3")
  end)

  it("are asked for, and refused in words where they are none", function()
    editor:press(":Codebeaker install<CR>")
    editor:sees("Install with")
    editor:press("2<CR>")
    editor:sees("Packages: ")
    editor:lua("vim.notify = function(text) _G.said = text end")
    editor:press("--global<CR>")
    assert.matches("%-%-global", editor:awaits("what is wrong", "return said and said:find('global') and said"))
  end)
end)
