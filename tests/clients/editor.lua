-- What a person has in Neovim without a plug-in: code lenses, commands, progress, messages. The configuration is
-- that of README.md, but for the path of the daemon:
--   nvim --headless --clean -l tests/clients/editor.lua DIRECTORY

local TIMEOUT_MS = 30000
local folder = assert(arg[1], "a directory to work in")

local function say(...)
  io.stdout:write(string.format(...), "\n")
end

local function await(what, condition)
  assert(vim.wait(TIMEOUT_MS, condition, 5), "waited in vain for " .. what)
end

local shown, logged = {}, {}
local daemon = vim.fn.fnamemodify(vim.env.CODEBEAKER_BIN or "target/debug/codebeaker", ":p")

vim.lsp.config.codebeaker = { cmd = { daemon }, filetypes = { "python" }, root_markers = { ".git" } }
vim.lsp.enable("codebeaker")

-- Only listens: what Neovim does with these messages is left to it.
for method, list in pairs({ ["window/showMessage"] = shown, ["window/logMessage"] = logged }) do
  local own = vim.lsp.handlers[method]
  vim.lsp.handlers[method] = function(err, params, context)
    list[#list + 1] = params
    return own(err, params, context)
  end
end
local progress = {}
vim.api.nvim_create_autocmd("LspProgress", {
  callback = function(event)
    progress[#progress + 1] = event.data.params.value
  end,
})

vim.fn.mkdir(folder .. "/.git", "p")
vim.fn.writefile({ "word = 'saved'" }, folder .. "/helper.py")
vim.fn.writefile({ "print('as it was saved')" }, folder .. "/main.py")
vim.cmd.edit(folder .. "/main.py")
vim.bo.filetype = "python"

local client
await("the handshake", function()
  client = vim.lsp.get_clients({ name = "codebeaker" })[1]
  return client and client.initialized
end)
assert(client.offset_encoding == "utf-8", client.offset_encoding)
assert(client.root_dir == vim.uv.fs_realpath(folder), client.root_dir)

-- Typed, and never saved; in this buffer and in another. Neovim holds edits back for a moment, unless something is
-- asked about their buffer.
vim.api.nvim_buf_set_lines(0, 0, -1, true, { "import helper", "# é😀", "print('typed,', helper.word)" })
vim.cmd.vsplit(folder .. "/helper.py")
vim.bo.filetype = "python"
vim.api.nvim_buf_set_text(0, 0, 8, 0, 13, { "typed too" })
assert(client:request_sync("textDocument/codeLens", { textDocument = { uri = vim.uri_from_bufnr(0) } }, TIMEOUT_MS))
vim.cmd.wincmd("p")

-- Neovim's own way to run the lens in the cursor's line; with two of them it asks which.
local lenses = {}
vim.lsp.codelens.refresh({ bufnr = 0 })
await("the lenses", function()
  lenses = vim.lsp.codelens.get(0)
  return #lenses == 2
end)
assert(lenses[1].command.title == "▶ Run" and lenses[2].command.title == "Debug", vim.inspect(lenses))
vim.ui.select = function(items, options, choose)
  choose(items[1], 1)
end
vim.api.nvim_win_set_cursor(0, { 1, 0 })
vim.lsp.codelens.run()
await("what came of the run", function()
  return shown[1]
end)
assert(logged[1].message == "typed, typed too", vim.inspect(logged))
assert(vim.startswith(shown[1].message, "main.py: ended well"), vim.inspect(shown))
assert(vim.fn.execute("messages"):find("main.py: ended well", 1, true), "Neovim shows it")
assert(vim.fn.readfile(folder .. "/main.py")[1] == "print('as it was saved')")
say("ran by its lens, unsaved")

-- Progress, with the last line, and a stop by a command.
shown, progress = {}, {}
vim.lsp.handlers["window/showMessage"] = function(_, params)
  shown[#shown + 1] = params
end
vim.api.nvim_buf_set_lines(0, 0, -1, true, { "import time", "print('so far')", "time.sleep(600)" })
local uri = vim.uri_from_bufnr(0)
client:exec_cmd({ title = "run", command = "codebeaker.run", arguments = { { uri = uri } } })
await("progress", function()
  return progress[2] and progress[2].message == "so far"
end)
assert(progress[1].title == "Running main.py", vim.inspect(progress))
local stopped
client:exec_cmd({ title = "stop", command = "codebeaker.stop", arguments = { { uri = uri } } }, nil, function(err, result)
  assert(not err, vim.inspect(err))
  stopped = result
end)
await("the end", function()
  return stopped and shown[1]
end)
assert(#stopped.executionIds == 1 and vim.startswith(shown[1].message, "main.py: was stopped"), vim.inspect(shown))
assert(progress[#progress].kind == "end", vim.inspect(progress))
say("progress, and a stop")

-- A failure is an error that is shown.
shown = {}
vim.api.nvim_buf_set_lines(0, 0, -1, true, { "1 / 0" })
client:exec_cmd({ title = "run", command = "codebeaker.run", arguments = { { uri = uri } } })
await("what came of it", function()
  return shown[1]
end)
assert(shown[1].type == vim.lsp.protocol.MessageType.Error, vim.inspect(shown))
assert(shown[1].message:find("ZeroDivisionError: division by zero", 1, true), vim.inspect(shown))
await("the mark", function()
  return vim.diagnostic.get(0)[1]
end)
local mark = vim.diagnostic.get(0)[1]
assert(mark.lnum == 0 and mark.col == 0 and mark.end_col == 5, vim.inspect(mark))
assert(mark.message == "ZeroDivisionError: division by zero" and mark.source == "codebeaker", vim.inspect(mark))
assert(mark.severity == vim.diagnostic.severity.ERROR, vim.inspect(mark))
vim.api.nvim_buf_set_lines(0, 0, -1, true, { "1 / 1" })
await("the mark to go", function()
  return not vim.diagnostic.get(0)[1]
end)
say("a failure is shown, and marked until it is mended")

-- Cells, by the lens in the cursor's line, and what came of them beside the code.
shown = {}
vim.api.nvim_buf_set_lines(0, 0, -1, true, { "# %%", "x = 41", "# %%", "x + 1" })
vim.lsp.inlay_hint.enable(true, { bufnr = 0 })
vim.lsp.codelens.refresh({ bufnr = 0 })
await("the lenses of cells", function()
  lenses = vim.lsp.codelens.get(0)
  return #lenses == 8
end)
local function choose(title)
  vim.ui.select = function(items, options, done)
    for index, item in ipairs(items) do
      if (options.format_item and options.format_item(item) or item):find(title, 1, true) then
        return done(item, index)
      end
    end
    error("there is no " .. title)
  end
end
choose("Run below")
vim.api.nvim_win_set_cursor(0, { 1, 0 })
vim.lsp.codelens.run()
await("what came of the cells", function()
  return shown[1]
end)
assert(shown[1].message:find("main.py, line 3: ended well", 1, true), vim.inspect(shown))
local function hint(line)
  for _, one in ipairs(vim.lsp.inlay_hint.get({ bufnr = 0 })) do
    if one.inlay_hint.position.line == line then
      return one.inlay_hint
    end
  end
end
await("the value of the last cell", function()
  return hint(3) and hint(1)
end)
assert(vim.startswith(hint(3).label, "✓ 42 · ") and hint(3).position.character == 5, vim.inspect(hint(3)))
vim.api.nvim_buf_set_lines(0, 3, 4, true, { "x + 2" })
await("the value to go", function()
  return not hint(3) and hint(1)
end)
shown = {}
choose("▶ Run cell")
vim.api.nvim_win_set_cursor(0, { 3, 0 })
vim.lsp.codelens.refresh({ bufnr = 0 })
await("the lenses of what was typed", function()
  return #vim.lsp.codelens.get(0) == 8
end)
vim.lsp.codelens.run()
await("the new value", function()
  return hint(3)
end)
assert(vim.startswith(hint(3).label, "✓ 43 · "), vim.inspect(hint(3)))
say("cells, with their values beside them")

local called
client:exec_cmd(
  { title = "call", command = "codebeaker.call", arguments = { { method = "server/info", params = vim.empty_dict() } } },
  nil,
  function(err, result)
    assert(not err, vim.inspect(err))
    called = result
  end
)
await("the call", function()
  return called
end)
assert(called.name == "codebeaker", vim.inspect(called))

client:stop()
await("the end of the daemon", function()
  return client:is_stopped()
end)
say("ended")
