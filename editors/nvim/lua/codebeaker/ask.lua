--- What is asked of the user: a line of input that a cell reads, and whether a program may reach a host. The daemon
--- waits for the answer, and so does what runs.

local M = {}

---Gives what a user answers, when it is there: in a coroutine, as handlers of requests are.
---@generic T
---@param ask fun(answer: fun(value?: T))
---@return T?
local function wait_for(ask)
  local asker, value, is_there, waits = coroutine.running(), nil, false, false
  ask(function(given)
    value, is_there = given, true
    if waits then
      coroutine.resume(asker)
    end
  end)
  if not is_there then
    waits = true
    coroutine.yield()
  end
  return value
end

---@param text string out of a sandbox
---@return string
local function in_a_line(text)
  return (require("codebeaker.ansi").plain(text):gsub("%s+", " "))
end

---@param params codebeaker.ExecutionInputRequest
---@return { value: string|vim.NIL }
function M.line(params)
  local prompt = in_a_line(params.prompt)
  prompt = prompt == "" and "The cell reads: " or prompt
  if params.password then
    -- Nothing but this hides what is typed.
    local ok, typed = pcall(vim.fn.inputsecret, prompt)
    return { value = ok and typed or vim.NIL }
  end
  local value = wait_for(function(answer)
    vim.ui.input({ prompt = prompt }, answer)
  end)
  return { value = value or vim.NIL }
end

---@type { title: string, answer: "deny"|"once"|"always" }[]
local ANSWERS = {
  { title = "No", answer = "deny" },
  { title = "This once", answer = "once" },
  { title = "As long as its session lasts", answer = "always" },
}

---@param params codebeaker.NetAsk
---@return { answer: "deny"|"once"|"always" }
function M.host(params)
  local options = {
    prompt = ("A program wants to reach %s, port %d"):format(in_a_line(params.host), params.port),
    kind = "codebeaker.host",
    format_item = function(one)
      return one.title
    end,
  }
  local chosen = wait_for(function(answer)
    vim.ui.select(ANSWERS, options, answer)
  end)
  return { answer = chosen and chosen.answer or "deny" }
end

return M
