--- Runs a buffer as it stands, or lines of it.
---
--- A whole document is the daemon's command `codebeaker.run`: it has what is unsaved, its imports, and marks what went
--- wrong. Lines, and what is no document, are code of a session.

local M = {}

---@class codebeaker.RunOptions
---@field buffer? integer
---@field range? { [1]: integer, [2]: integer } first and last line, from 1
---@field args? string[] in place of those that the buffer remembers
---@field stdin? string all that it can read, in place of a terminal

---@class codebeaker.Job
---@field client vim.lsp.Client
---@field buffer integer
---@field terminal codebeaker.Terminal
---@field title string
---@field first_row integer
---@field last_row integer
---@field region codebeaker.Region
---@field args string[]
---@field stdin? string

---What the user has said of a buffer: arguments, directory, variables, engine.
---@param buffer integer
---@return { args?: string[], cwd?: string, env?: table<string, string>, engine?: string }
function M.remembered(buffer)
  local kept = vim.b[buffer].codebeaker
  return type(kept) == "table" and kept or {}
end

---@param buffer integer
---@param name string
---@param value any
function M.remember(buffer, name, value)
  local kept = M.remembered(buffer)
  kept[name] = value
  vim.b[buffer].codebeaker = kept
end

---@param buffer integer
---@return string
function M.key(buffer)
  return tostring(buffer)
end

---@param buffer integer
---@return string
local function name_of(buffer)
  local name = vim.api.nvim_buf_get_name(buffer)
  return name == "" and "[No Name]" or vim.fs.basename(name)
end

---What every run takes.
---@param job codebeaker.Job
---@return table
local function common(job)
  local config = require("codebeaker.config").get()
  local kept = M.remembered(job.buffer)
  local env = vim.tbl_extend("force", config.env, kept.env or {})
  return {
    args = #job.args > 0 and job.args or nil,
    env = next(env) and env or nil,
    cwd = kept.cwd,
    timeoutMs = config.timeout_ms,
  }
end

---@param job codebeaker.Job
---@return boolean
local function wants_terminal(job)
  local features = require("codebeaker.client").offer(job.client).features or {}
  return not job.stdin and require("codebeaker.config").get().input == "terminal" and features.pty and features.stdin
    or false
end

---@param job codebeaker.Job
---@return { cols: integer, rows: integer }
local function size(job)
  local columns, rows = job.terminal:size()
  return { cols = columns, rows = rows }
end

---@param job codebeaker.Job
---@param answer { sessionId: string, executionId: string }
---@param has_pty boolean
---@param own_session boolean
local function began(job, answer, has_pty, own_session)
  ---@type codebeaker.Execution
  local execution = {
    id = answer.executionId,
    session_id = answer.sessionId,
    client_id = job.client.id,
    buffer = job.buffer,
    title = job.title,
    terminal = job.terminal,
    takes_input = has_pty,
    has_pty = has_pty,
    own_session = own_session,
    region = job.region,
    state = "queued",
    tail = "",
  }
  job.terminal:connect(execution)
  require("codebeaker.execution").register(execution)
end

---@param job codebeaker.Job
---@param err codebeaker.Error
local function refused(job, err)
  job.terminal:connect(nil)
  job.terminal:note(err.message, "\27[31m")
  require("codebeaker.say").failure(err)
end

---Has code run in a session, one of its own unless the user has opened one.
---@param job codebeaker.Job
local function run_code(job)
  local lines = vim.api.nvim_buf_get_lines(job.buffer, job.first_row, job.last_row + 1, false)
  local with_terminal = wants_terminal(job)
  local params = common(job)
  require("codebeaker.session").for_code(job.client, job.buffer, function(session_id, own)
    require("codebeaker.client").request(job.client, "session/execute", {
      sessionId = session_id,
      source = {
        code = table.concat(lines, "\n") .. "\n",
        language = vim.bo[job.buffer].filetype,
        uri = vim.api.nvim_buf_get_name(job.buffer) ~= "" and vim.uri_from_bufnr(job.buffer) or nil,
        args = params.args,
        env = params.env,
        cwd = params.cwd,
      },
      stdin = with_terminal and "pty" or job.stdin and "text" or "none",
      stdinText = job.stdin,
      pty = with_terminal and size(job) or nil,
      timeoutMs = params.timeoutMs,
      wait = false,
    }, function(err, result)
      if err then
        refused(job, err)
        if own then
          local quiet = { quiet = true }
          require("codebeaker.client").request(job.client, "session/close", { sessionId = session_id }, nil, quiet)
        end
        return
      end
      began(job, { sessionId = session_id, executionId = result.executionId }, with_terminal, own)
    end, { quiet = true })
  end, function(err)
    refused(job, err)
  end)
end

---@param job codebeaker.Job
local function run_document(job)
  local with_terminal = wants_terminal(job)
  local argument = vim.tbl_extend("error", common(job), {
    uri = vim.uri_from_bufnr(job.buffer),
    engine = M.remembered(job.buffer).engine,
    stdin = with_terminal and "pty" or nil,
    stdinText = job.stdin,
    pty = with_terminal and size(job) or nil,
    session = require("codebeaker.session").own(job.client),
  })
  require("codebeaker.client").command(job.client, "codebeaker.run", argument, function(err, result)
    if err then
      refused(job, err)
    else
      began(job, result, with_terminal, false)
    end
  end, { quiet = true, buffer = job.buffer })
end

---@param options codebeaker.RunOptions
function M.start(options)
  local buffer = options.buffer or vim.api.nvim_get_current_buf()
  if buffer == 0 then
    buffer = vim.api.nvim_get_current_buf()
  end
  if vim.bo[buffer].buftype ~= "" and vim.bo[buffer].buftype ~= "acwrite" then
    require("codebeaker.say").warn("this buffer holds no program; go to one that does")
    return
  end
  if options.args then
    M.remember(buffer, "args", options.args)
  end
  local args = M.remembered(buffer).args or {}
  require("codebeaker.client").ensure(buffer, function(client)
    local count = vim.api.nvim_buf_line_count(buffer)
    local range = options.range or { 1, count }
    local whole = options.range == nil
    local config = require("codebeaker.config").get()
    local title = name_of(buffer)
    if not whole then
      title = ("%s:%d-%d"):format(title, range[1], range[2])
    end
    local terminal = require("codebeaker.terminal").get(M.key(buffer), name_of(buffer))
    if config.output.open then
      terminal:open(config.output.focus)
    end
    terminal:begin(#args > 0 and ("%s %s"):format(title, table.concat(args, " ")) or title)
    ---@type codebeaker.Job
    local job = {
      client = client,
      buffer = buffer,
      terminal = terminal,
      title = title,
      first_row = range[1] - 1,
      last_row = math.min(range[2], count) - 1,
      region = require("codebeaker.inline").region(buffer, range[1] - 1, range[2] - 1),
      args = args,
      stdin = options.stdin,
    }
    local is_document = whole and vim.bo[buffer].buftype == "" and vim.api.nvim_buf_get_name(buffer) ~= ""
    if is_document then
      run_document(job)
    else
      run_code(job)
    end
  end)
end

---What the lens *Run* does. It says by itself what it is about.
---@param argument { uri: string }
---@param buffer integer
function M.lens(argument, buffer)
  local named = argument and argument.uri and vim.uri_to_bufnr(argument.uri)
  M.start({ buffer = named or buffer })
end

---@param buffer integer the buffer of a run, or the one of its output
---@return codebeaker.Execution[]
function M.of(buffer)
  local terminal = require("codebeaker.terminal").of_buffer(buffer)
  if terminal then
    return { terminal.execution }
  end
  return require("codebeaker.execution").running(buffer)
end

---@param buffer integer
function M.stop(buffer)
  local executions = M.of(buffer)
  if #executions == 0 then
    executions = require("codebeaker.execution").running()
  end
  if #executions == 0 then
    if not require("codebeaker.progress").cancel() then
      require("codebeaker.say").info("nothing runs")
    end
    return
  end
  for _, execution in ipairs(executions) do
    require("codebeaker.execution").stop(execution)
  end
end

return M
