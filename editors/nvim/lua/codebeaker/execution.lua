--- What runs: takes what the daemon tells of executions to where it is shown.
---
--- The daemon may tell of an execution before it has answered the request that began it. Such news is kept until the
--- answer is there; that of executions which nobody here began (a debugger's) is dropped in the end.

local M = {}

---@class codebeaker.Execution
---@field id string
---@field session_id string
---@field client_id integer
---@field buffer integer the buffer that it is a run of
---@field title string
---@field terminal codebeaker.Terminal
---@field takes_input boolean
---@field has_pty boolean its output comes from a terminal, with line ends for one
---@field own_session boolean the session is to be closed with it, by us
---@field region codebeaker.Region the code that runs
---@field state "queued"|"running"|"ended"
---@field started_at? integer milliseconds of the editor's clock
---@field typed_ahead? string what was typed before it began
---@field tail string the last of its output, for the result below the code
---@field result? codebeaker.ExecutionExited
---@field on_end? fun(well: boolean)

local TAIL_BYTES = 64 * 1024
local MOST_STRANGERS, MOST_NEWS = 32, 256

---@type table<string, codebeaker.Execution>
local known = {}

---What was told to stop.
---@type table<string, true>
local told = {}

---@type { id: string, news: fun()[] }[]
local strangers = {}

---@param id string
---@param news fun()
local function keep(id, news)
  for _, stranger in ipairs(strangers) do
    if stranger.id == id then
      if #stranger.news < MOST_NEWS then
        table.insert(stranger.news, news)
      end
      return
    end
  end
  if #strangers == MOST_STRANGERS then
    table.remove(strangers, 1)
  end
  strangers[#strangers + 1] = { id = id, news = { news } }
end

---@param execution codebeaker.Execution
local function public(execution)
  return {
    executionId = execution.id,
    sessionId = execution.session_id,
    buffer = execution.buffer,
    title = execution.title,
    result = execution.result,
  }
end

---@param id string
---@param act fun(execution: codebeaker.Execution)
local function with(id, act)
  local execution = known[id]
  if execution then
    act(execution)
    return
  end
  keep(id, function()
    act(known[id])
  end)
end

---From now on, what is told of it is shown; what was told already is, at once.
---@param execution codebeaker.Execution
function M.register(execution)
  known[execution.id] = execution
  for index, stranger in ipairs(strangers) do
    if stranger.id == execution.id then
      table.remove(strangers, index)
      for _, news in ipairs(stranger.news) do
        news()
      end
      return
    end
  end
end

---What was begun here and has not ended.
---@param id string
---@return codebeaker.Execution?
function M.find(id)
  return known[id]
end

---@param execution codebeaker.Execution
---@return boolean
local function under_way(execution)
  return execution.state ~= "ended"
end

---What has not ended, oldest first.
---@param buffer? integer only runs of this buffer
---@return codebeaker.Execution[]
function M.running(buffer)
  local list = vim.tbl_filter(function(execution)
    return under_way(execution) and (not buffer or execution.buffer == buffer)
  end, vim.tbl_values(known))
  table.sort(list, function(one, other)
    return (one.started_at or math.huge) < (other.started_at or math.huge)
  end)
  return list
end

---@param params codebeaker.ExecutionStarted
function M.started(params)
  with(params.executionId, function(execution)
    execution.state, execution.started_at = "running", vim.uv.now()
    if execution.typed_ahead then
      M.type(execution, execution.typed_ahead)
      execution.typed_ahead = nil
    end
    require("codebeaker.status").changed()
    require("codebeaker.event").emit("Started", public(execution))
  end)
end

---@param params codebeaker.ExecutionOutput
function M.output(params)
  with(params.executionId, function(execution)
    local data = params.encoding == "base64" and vim.base64.decode(params.data) or params.data
    execution.tail = (execution.tail .. data):sub(-TAIL_BYTES)
    execution.terminal:print(data, params.stream ~= "pty")
  end)
end

---@param params codebeaker.ExecutionOutputGap
function M.gap(params)
  with(params.executionId, function(execution)
    execution.terminal:note(("%d bytes of output are left out (%s)"):format(params.lostBytes, params.reason))
  end)
end

---@param params codebeaker.ExecutionDisplay
function M.display(params)
  with(params.executionId, function(execution)
    require("codebeaker.display").show(execution, params)
  end)
end

---@param milliseconds integer
---@return string
local function duration(milliseconds)
  return milliseconds < 1000 and ("%d ms"):format(milliseconds) or ("%.1f s"):format(milliseconds / 1000)
end

---@type table<string, string>
local OUTCOMES = {
  ok = "ended well",
  timeout = "was ended: it ran longer than it may",
  outOfMemory = "was ended: it needed more memory than it may have",
  outputLimit = "was ended: it printed more than it may",
  cancelled = "was stopped",
  lost = "is lost: its sandbox came to an end",
}

---What came of it, in words.
---@param result codebeaker.ExecutionExited
---@return string
function M.describe(result)
  local what = OUTCOMES[result.outcome]
  if result.outcome == "error" then
    local code = result.exitCode
    what = result.error and "failed: " .. result.error.name or ("failed with exit code %d"):format(code or -1)
  elseif result.outcome == "killed" then
    what = "was ended by " .. (result.signal or "a signal")
  end
  return ("%s after %s"):format(what or result.outcome, duration(result.durationMs or 0))
end

---@param params codebeaker.ExecutionExited
function M.exited(params)
  with(params.executionId, function(execution)
    if execution.state == "ended" then
      return
    end
    execution.state, execution.result = "ended", params
    known[execution.id], told[execution.id] = nil, nil
    local words = M.describe(params)
    execution.terminal:ended(execution, words, params.outcome == "ok")
    require("codebeaker.inline").show(execution, words)
    require("codebeaker.status").changed()
    if execution.own_session then
      local client = vim.lsp.get_client_by_id(execution.client_id)
      if client then
        local quiet = { quiet = true }
        require("codebeaker.client").request(client, "session/close", { sessionId = execution.session_id }, nil, quiet)
      end
    end
    require("codebeaker.event").emit("Ended", public(execution))
    if execution.on_end then
      execution.on_end(params.outcome == "ok")
    end
  end)
end

---The daemon is gone: nothing more will be told.
---@param client_id integer
function M.lost(client_id)
  for _, one in pairs(vim.tbl_values(known)) do
    if one.client_id == client_id then
      M.exited({
        executionId = one.id,
        sessionId = one.session_id,
        outcome = "lost",
        durationMs = one.started_at and vim.uv.now() - one.started_at or 0,
      })
    end
  end
end

---Types into a program.
---@param execution codebeaker.Execution
---@param data string
---@param eof? boolean
function M.type(execution, data, eof)
  local client = vim.lsp.get_client_by_id(execution.client_id)
  if not client or execution.state == "ended" then
    return
  end
  if execution.state == "queued" then
    execution.typed_ahead = (execution.typed_ahead or "") .. data
    return
  end
  local params = { executionId = execution.id, data = data, eof = eof }
  if data:find("[\128-\255]") then
    -- What is typed may be any bytes, and a part of a character.
    params.data, params.encoding = vim.base64.encode(data), "base64"
  end
  require("codebeaker.client").request(client, "execution/stdin", params, nil, { quiet = true })
end

---Interrupts, as Ctrl+C does; kills what was told before and runs on.
---@param client vim.lsp.Client
---@param id string
function M.interrupt(client, id)
  local method = told[id] and "execution/kill" or "execution/interrupt"
  told[id] = true
  require("codebeaker.client").request(client, method, { executionId = id }, function(err)
    -- 1301: it has ended in the meantime, which is what was wanted.
    if err and err.code ~= 1301 and err.code ~= 1300 then
      require("codebeaker.say").failure(err)
    end
  end, { quiet = true })
end

---@param execution codebeaker.Execution
function M.stop(execution)
  local client = vim.lsp.get_client_by_id(execution.client_id)
  if client then
    M.interrupt(client, execution.id)
  end
end

return M
