--- How long it takes from the Enter after `:Codebeaker run` to the program's first output on the screen, and how much
--- memory Neovim has then; for the table in README.md.
---   CODEBEAKER_BIN=../../target/release/codebeaker nvim --clean -l scripts/measure.lua [COUNT]
--- A terminal shows what another one draws every 10 ms: no figure is more exact than that.

local here = vim.fs.dirname(vim.fs.dirname(vim.fs.abspath(debug.getinfo(1, "S").source:sub(2))))
package.path = here .. "/?.lua;" .. package.path
local editors = require("spec.support.editor")
local count = tonumber(arg[1]) or 30

---@param text string
---@param ... any
local function say(text, ...)
  io.stdout:write(text:format(...), "\n")
end

---@param pid integer
---@return number megabytes
local function memory(pid)
  local file = assert(io.open(("/proc/%d/status"):format(pid)))
  local kilobytes = file:read("*a"):match("VmRSS:%s*(%d+)")
  file:close()
  return tonumber(kilobytes) / 1024
end

---@param editor Editor
---@return number neovim
---@return number lua
local function of_neovim(editor)
  local lua = editor:lua("collectgarbage() collectgarbage() return collectgarbage('count')")
  return memory(editor:lua("return vim.uv.os_getpid()")), lua / 1024
end

local editor = editors.start({ options = { autostart = false } })
say("Neovim, bare: %.1f MB, %.1f MB of them Lua's", of_neovim(editor))
editor:stop()

for _, cell in ipairs({ false, true }) do
  editor = editors.start({ files = { ["main.py"] = "1" }, open = "main.py" })
  editor:ready()
  say("Neovim, with the daemon attached: %.1f MB, %.1f MB of them Lua's", of_neovim(editor))
  local took = {}
  -- The first is not counted: it opens the window, and starts the interpreter of a cell.
  for turn = 0, count do
    local word = ("turn-%d."):format(turn)
    editor:lua(
      "vim.api.nvim_buf_set_lines(0, 0, -1, true, { ... })",
      ("print('turn-' + '%d.', flush=True)"):format(turn)
    )
    vim.wait(150)
    editor:press(cell and ":Codebeaker cell" or ":Codebeaker run")
    vim.wait(50)
    local from = vim.uv.hrtime()
    editor:press("<CR>")
    local came = vim.wait(30000, function()
      return editor:screen():find(word, 1, true) ~= nil
    end, 1)
    assert(came, "waited in vain for " .. word)
    took[turn] = (vim.uv.hrtime() - from) / 1e6
    vim.wait(250)
  end
  local first = took[0]
  table.sort(took)
  local middle, tenth = took[math.ceil(#took / 2)], took[math.ceil(#took * 0.9)]
  local what = cell and "a cell" or "a run"
  say("Enter to first output of %s, %d times: median %.0f ms, 9 of 10 below %.0f ms", what, #took, middle, tenth)
  say("  the fastest %.0f ms, the slowest %.0f ms; the very first %.0f ms", took[1], took[#took], first)
  say("Neovim after that: %.1f MB, %.1f MB of them Lua's", of_neovim(editor))
  say("the daemon: %.1f MB", memory(editor:daemon()))
  editor:stop()
end
