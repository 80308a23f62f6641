--- `:Codebeaker`, its subcommands and their completion.

local M = {}

---@class codebeaker.Subcommand
---@field run fun(call: table, arguments: string[])
---@field complete? string[] | fun(): string[]
---@field needs? string the method without which it is not offered

---@return integer
local function here()
  return vim.api.nvim_get_current_buf()
end

---@param act fun(client: vim.lsp.Client)
local function with_client(act)
  require("codebeaker.client").ensure(here(), act)
end

---The buffer whose output is wanted: the current one, or the one whose output is the current one.
---@return codebeaker.Terminal?
local function terminal()
  local terminals = require("codebeaker.terminal")
  return terminals.of_buffer(here()) or terminals.find(require("codebeaker.run").key(here()))
end

---@param act fun(terminal: codebeaker.Terminal)
local function with_terminal(act)
  local found = terminal()
  if found then
    act(found)
  else
    require("codebeaker.say").info("nothing was run from this buffer yet")
  end
end

---@return codebeaker.Execution?
local function running()
  local of_here = require("codebeaker.run").of(here())
  return of_here[#of_here] or require("codebeaker.execution").running()[1]
end

---@type table<string, fun(client: vim.lsp.Client, arguments: string[])>
local sessions = {
  new = function(client, arguments)
    require("codebeaker.session").open(client, here(), { runtime = arguments[2] })
  end,
  close = function(client)
    require("codebeaker.session").close(client)
  end,
  runtime = function(client)
    require("codebeaker.session").choose_runtime(client)
  end,
}

---@type table<string, fun(buffer: integer)>
local cells = {
  debug = function(buffer)
    require("codebeaker.dap").start(buffer, vim.api.nvim_win_get_cursor(0)[1] - 1)
  end,
  next = function(buffer)
    require("codebeaker.cells").go(buffer, 1)
  end,
  previous = function(buffer)
    require("codebeaker.cells").go(buffer, -1)
  end,
  restart = function(buffer)
    require("codebeaker.cells").restart(buffer)
  end,
}
for _, scope in ipairs({ "above", "all", "below" }) do
  cells[scope] = function(buffer)
    require("codebeaker.cells").run(buffer, scope)
  end
end

---@type table<string, codebeaker.Subcommand>
M.subcommands = {
  run = {
    run = function(call, arguments)
      local options = { range = call.range > 0 and { call.line1, call.line2 } or nil }
      if #arguments > 0 then
        options.args = arguments
      elseif call.bang then
        options.args = {}
      end
      require("codebeaker.run").start(options)
    end,
  },
  cell = {
    run = function(call, arguments)
      local act = cells[arguments[1]]
      if act then
        act(here())
      elseif arguments[1] then
        require("codebeaker.say").error(":Codebeaker cell knows " .. table.concat(M.subcommands.cell.complete, ", "))
      elseif call.range > 0 then
        require("codebeaker.cells").run_range(here(), { call.line1, call.line2 })
      else
        require("codebeaker.cells").run(here(), "cell")
      end
    end,
    complete = { "above", "all", "below", "debug", "next", "previous", "restart" },
    needs = "context/create",
  },
  picture = {
    run = function()
      require("codebeaker.display").open(here())
    end,
    needs = "context/create",
  },
  args = {
    run = function()
      local run, buffer = require("codebeaker.run"), here()
      local kept = table.concat(run.remembered(buffer).args or {}, " ")
      vim.ui.input({ prompt = "Arguments: ", default = kept }, function(text)
        if text then
          run.start({ buffer = buffer, args = M.words(text) })
        end
      end)
    end,
  },
  stop = {
    run = function()
      require("codebeaker.run").stop(here())
    end,
  },
  send = {
    run = function(_, arguments)
      local execution = running()
      if not execution or not execution.takes_input then
        require("codebeaker.say").info("nothing runs that takes input")
        return
      end
      local function send(text)
        if text then
          require("codebeaker.execution").type(execution, text .. "\r")
        end
      end
      if #arguments > 0 then
        send(table.concat(arguments, " "))
      else
        vim.ui.input({ prompt = execution.title .. " reads: " }, send)
      end
    end,
  },
  output = {
    run = function()
      with_terminal(function(found)
        found:open(true)
      end)
    end,
  },
  clear = {
    run = function()
      require("codebeaker.inline").clear(here())
      local found = terminal()
      if found then
        found:clear()
      end
    end,
  },
  lens = {
    run = function()
      vim.lsp.codelens.run()
    end,
  },
  trace = {
    run = function()
      require("codebeaker.trace").open()
    end,
  },
  debug = {
    run = function()
      require("codebeaker.dap").start(here())
    end,
    needs = "debug/start",
  },
  sessions = {
    run = function()
      with_client(require("codebeaker.session").pick)
    end,
    needs = "session/list",
  },
  tree = {
    run = function()
      with_client(require("codebeaker.tree").open)
    end,
    needs = "session/list",
  },
  engine = {
    run = function(_, arguments)
      with_client(function(client)
        require("codebeaker.engine").choose(client, here(), arguments[1])
      end)
    end,
    complete = function()
      return require("codebeaker.engine").names(require("codebeaker.client").near(here()))
    end,
  },
  install = {
    run = function(_, arguments)
      with_client(function(client)
        require("codebeaker.packages").install(client, arguments)
      end)
    end,
    complete = function()
      return require("codebeaker.packages").MANAGERS
    end,
    needs = "package/install",
  },
  session = {
    run = function(_, arguments)
      local act = sessions[arguments[1] or "runtime"]
      if not act then
        require("codebeaker.say").error(":Codebeaker session knows " .. table.concat(vim.tbl_keys(sessions), ", "))
        return
      end
      with_client(function(client)
        act(client, arguments)
      end)
    end,
    complete = { "close", "new", "runtime" },
    needs = "session/create",
  },
  doctor = {
    run = function()
      vim.cmd.checkhealth("codebeaker")
    end,
  },
  log = {
    run = function()
      vim.cmd.tabedit(vim.fn.fnameescape(vim.lsp.get_log_path()))
    end,
  },
  restart = {
    run = function()
      for _, client in ipairs(require("codebeaker.client").all()) do
        if vim.fn.has("nvim-0.11") == 1 then
          client:stop(true)
        else
          ---@diagnostic disable-next-line: param-type-mismatch
          client.stop(true)
        end
      end
      vim.defer_fn(function()
        for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
          require("codebeaker.attach").automatically(buffer)
        end
      end, 200)
    end,
  },
}

---Cuts what was typed into words. Quotes keep blanks in a word, and a backslash keeps what follows it as it is.
---@param text string
---@return string[]
function M.words(text)
  local words, word, quote = {}, nil, nil
  local at = 1
  while at <= #text do
    local char = text:sub(at, at)
    if char == "\\" and quote ~= "'" and at < #text then
      at = at + 1
      word = (word or "") .. text:sub(at, at)
    elseif quote then
      if char == quote then
        quote = nil
      else
        word = word .. char
      end
    elseif char == "'" or char == '"' then
      quote, word = char, word or ""
    elseif char:find("%s") then
      words[#words + 1] = word
      word = nil
    else
      word = (word or "") .. char
    end
    at = at + 1
  end
  words[#words + 1] = word
  return words
end

---The subcommands that can be used: a daemon that runs has a say in it.
---@return string[]
local function names()
  local client = require("codebeaker.client").near(here())
  local usable = {}
  for name, subcommand in vim.spairs(M.subcommands) do
    local needs = subcommand.needs
    if not needs or not client or not client.initialized or require("codebeaker.client").can(client, needs) then
      usable[#usable + 1] = name
    end
  end
  return usable
end

---What `:Codebeaker` does.
---@param call table as Neovim gives it to a command
function M.run(call)
  local words = M.words(call.args)
  local name = table.remove(words, 1) or "run"
  local subcommand = M.subcommands[name]
  if not subcommand then
    local known = table.concat(names(), ", ")
    require("codebeaker.say").error(("there is no :Codebeaker %s. There are: %s"):format(name, known))
    return
  end
  subcommand.run(call, words)
end

---@param lead string what was typed of the word
---@param line string the whole line
---@return string[]
function M.complete(lead, line)
  local typed = line:gsub("^.-Codebeaker!?%s*", "")
  local name = typed:match("^(%S+)%s")
  local choices = name == nil and names() or (M.subcommands[name] or {}).complete or {}
  choices = type(choices) == "function" and choices() or choices
  if name == "session" and typed:find("^%S+%s+new%s") then
    local client = require("codebeaker.client").near(here())
    local runtimes = client and require("codebeaker.client").offer(client).runtimes or {}
    choices = vim.tbl_map(function(runtime)
      return runtime.id
    end, runtimes)
  end
  return vim.tbl_filter(function(choice)
    return vim.startswith(choice, lead)
  end, choices)
end

return M
