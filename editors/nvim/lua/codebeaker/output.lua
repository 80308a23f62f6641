--- The output of executions that have no terminal here: what the daemon has kept of it, in a terminal of its own.

local M = {}

-- What has a terminal has no other stream, and is refused the others.
local STREAMS = { "stdout", "stderr", "pty" }
local MOST_BYTES = 1024 * 1024

---Shows what an execution has printed, or goes to its terminal where it has one.
---@param client vim.lsp.Client
---@param execution table of `execution/list`
function M.show(client, execution)
  local known = require("codebeaker.execution").find(execution.executionId)
  if known then
    known.terminal:open(true)
    return
  end
  local words = table.concat(execution.argv, " ")
  local terminal = require("codebeaker.terminal").get(execution.executionId, execution.executionId)
  terminal:clear()
  terminal:open(false)
  terminal:note(words)
  local found = false
  ---@param index integer
  ---@param refusal? codebeaker.Error of the stream before
  local function read(index, refusal)
    local stream = STREAMS[index]
    if not stream then
      if not found and refusal then
        require("codebeaker.say").failure(refusal)
      elseif execution.state == "ended" then
        terminal:note(require("codebeaker.execution").describe(execution))
      end
      return
    end
    local params = { executionId = execution.executionId, stream = stream, maxBytes = MOST_BYTES }
    require("codebeaker.client").request(client, "execution/read", params, function(err, result)
      if not err then
        found = true
        if result.lostBytes > 0 then
          terminal:note(("%d bytes before this are no longer kept"):format(result.lostBytes))
        end
        local data = result.encoding == "base64" and vim.base64.decode(result.data) or result.data
        terminal:print(data, stream ~= "pty")
      end
      read(index + 1, err)
    end, { quiet = true })
  end
  read(1)
end

return M
