local editors = require("spec.support.editor")
local skip = require("spec.support.skip")

-- A Neovim before 0.10, as a command line: Debian's, say. Without it there is nothing to test with.
local old = vim.env.CODEBEAKER_OLD_NVIM

describe("a Neovim that is too old", function()
  it("is told so, at its start and by the command", function()
    if not old or old == "" then
      skip.because("CODEBEAKER_OLD_NVIM names no Neovim before 0.10")
      return
    end
    local editor = editors.start({ nvim = vim.split(old, " "), prompts = true })
    editor:sees("this plug-in needs Neovim 0.10 or newer")
    editor:press("<CR>")
    editor:misses("this plug-in needs Neovim 0.10 or newer")
    editor:press(":Codebeaker run now<CR>")
    editor:sees("this plug-in needs Neovim 0.10 or newer")
    editor:stop()
  end)
end)
