-- What Neovim loads at its start: names only. Nothing is required here, so that it costs nothing until it is used.
-- It has to be understood by any Neovim, so that one that is too old can say so.

if vim.g.loaded_codebeaker then
  return
end
vim.g.loaded_codebeaker = 1

if vim.fn.has("nvim-0.10") == 0 then
  local message = "codebeaker: this plug-in needs Neovim 0.10 or newer. Update Neovim, or remove the plug-in."
  _G.codebeaker_is_too_new = function()
    vim.notify(message, vim.log.levels.ERROR)
  end
  vim.cmd("command! -nargs=* -bang -range Codebeaker lua codebeaker_is_too_new()")
  vim.cmd("autocmd VimEnter * ++once lua codebeaker_is_too_new()")
  return
end

vim.api.nvim_create_user_command("Codebeaker", function(call)
  require("codebeaker.command").run(call)
end, {
  nargs = "*",
  bang = true,
  range = true,
  desc = "Run code in a sandbox; see :help codebeaker",
  complete = function(lead, line)
    return require("codebeaker.command").complete(lead, line)
  end,
})

local function map(mode, name, action, options)
  vim.keymap.set(mode, "<Plug>(" .. name .. ")", action, options)
end

map("n", "CodebeakerRun", "<Cmd>Codebeaker run<CR>")
map("n", "CodebeakerRunLine", "<Cmd>.Codebeaker run<CR>")
map("x", "CodebeakerRunSelection", ":Codebeaker run<CR>", { silent = true })
map("n", "CodebeakerRunMotion", function()
  return require("codebeaker.operator").expression()
end, { expr = true })
map("n", "CodebeakerRunCell", "<Cmd>Codebeaker cell<CR>")
map("x", "CodebeakerRunCell", ":Codebeaker cell<CR>", { silent = true })
map("n", "CodebeakerRunAbove", "<Cmd>Codebeaker cell above<CR>")
map("n", "CodebeakerRunBelow", "<Cmd>Codebeaker cell below<CR>")
map("n", "CodebeakerNextCell", "<Cmd>Codebeaker cell next<CR>")
map("n", "CodebeakerPreviousCell", "<Cmd>Codebeaker cell previous<CR>")
map("n", "CodebeakerLens", "<Cmd>Codebeaker lens<CR>")
map("n", "CodebeakerDebug", "<Cmd>Codebeaker debug<CR>")
map("n", "CodebeakerStop", "<Cmd>Codebeaker stop<CR>")
map("n", "CodebeakerOutput", "<Cmd>Codebeaker output<CR>")
map("n", "CodebeakerClear", "<Cmd>Codebeaker clear<CR>")
map("n", "CodebeakerSessions", "<Cmd>Codebeaker sessions<CR>")
map("n", "CodebeakerTree", "<Cmd>Codebeaker tree<CR>")

local group = vim.api.nvim_create_augroup("codebeaker", { clear = true })

vim.api.nvim_create_autocmd("FileType", {
  group = group,
  desc = "Have lenses and diagnostics in what codebeaker can run",
  callback = function(event)
    -- Not before the buffer is shown: a start of Neovim is not made longer.
    vim.schedule(function()
      require("codebeaker.attach").automatically(event.buf)
    end)
  end,
})

vim.api.nvim_create_autocmd("BufReadCmd", {
  group = group,
  pattern = "codebeaker://*",
  desc = "Read a file of a session",
  callback = function(event)
    require("codebeaker.files").read(event.buf, event.match)
  end,
})

vim.api.nvim_create_autocmd("BufWriteCmd", {
  group = group,
  pattern = "codebeaker://*",
  desc = "Write a file of a session",
  callback = function(event)
    require("codebeaker.files").write(event.buf, event.match)
  end,
})

-- nvim-dap gets its adapter when it is first required, by whomever: neither plug-in has to be loaded for the other.
if not package.loaded.dap and not package.preload.dap then
  package.preload.dap = function()
    return require("codebeaker.dap").when_required()
  end
end
