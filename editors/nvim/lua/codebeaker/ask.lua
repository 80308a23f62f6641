--- What a cell asks: a line of input. The daemon waits for the answer, and so does the cell.

local M = {}

---Asks the user, and gives the answer when it is there: in a coroutine, as handlers of requests are.
---@param params codebeaker.ExecutionInputRequest
---@return { value: string|vim.NIL }
function M.line(params)
  local prompt = require("codebeaker.ansi").plain(params.prompt):gsub("%s+", " ")
  prompt = prompt == "" and "The cell reads: " or prompt
  if params.password then
    -- Nothing but this hides what is typed.
    local ok, typed = pcall(vim.fn.inputsecret, prompt)
    return { value = ok and typed or vim.NIL }
  end
  local asker, answer, is_there, waits = coroutine.running(), nil, false, false
  vim.ui.input({ prompt = prompt }, function(text)
    answer, is_there = text, true
    if waits then
      coroutine.resume(asker)
    end
  end)
  if not is_there then
    waits = true
    coroutine.yield()
  end
  return { value = answer or vim.NIL }
end

return M
