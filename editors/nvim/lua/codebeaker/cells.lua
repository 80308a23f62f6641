--- Cells: parts of a document that run one by one in an interpreter which lives on. Where they begin is what the lenses
--- of the daemon say; it keeps the interpreter too.

local M = {}

local RUN, RESTART = "codebeaker.runCell", "codebeaker.restartContext"
local namespace = vim.api.nvim_create_namespace("codebeaker.cells")

---@alias codebeaker.CellScope "cell"|"above"|"below"|"all"

---@class codebeaker.Cell
---@field first_row integer
---@field last_row integer

---@class codebeaker.CellQueue
---@field client vim.lsp.Client
---@field buffer integer
---@field marks integer[] where cells begin that have not run yet, wherever that is by then

---Which document an interpreter is of.
---@type table<string, integer>
local contexts = {}

---@param buffer integer
---@param act fun(client: vim.lsp.Client)
local function with_client(buffer, act)
  require("codebeaker.client").ensure(buffer, function(client)
    local provider = client.server_capabilities.executeCommandProvider
    if provider and vim.list_contains(provider.commands, RUN) then
      act(client)
    else
      require("codebeaker.say").error("this daemon has no cells")
    end
  end)
end

---The cells of a buffer as it stands.
---@param client vim.lsp.Client
---@param buffer integer
---@param callback fun(cells: codebeaker.Cell[])
local function find(client, buffer, callback)
  local params = { textDocument = { uri = vim.uri_from_bufnr(buffer) } }
  require("codebeaker.client").request(client, "textDocument/codeLens", params, function(err, lenses)
    if err then
      return
    end
    local cells, last = {}, vim.api.nvim_buf_line_count(buffer) - 1
    for _, lens in ipairs(lenses or {}) do
      local command = lens.command
      if command and command.command == RUN and not command.arguments[1].scope then
        cells[#cells + 1] = { first_row = command.arguments[1].line, last_row = last }
      end
    end
    -- Without a mark, a document is one cell.
    cells[1] = cells[1] or { first_row = 0, last_row = last }
    for index = 2, #cells do
      cells[index - 1].last_row = cells[index].first_row - 1
    end
    callback(cells)
  end, { buffer = buffer })
end

---The one that a row is in; before the first, that.
---@param cells codebeaker.Cell[]
---@param row integer
---@return integer
local function index_at(cells, row)
  local found = 1
  for index, cell in ipairs(cells) do
    found = cell.first_row <= row and index or found
  end
  return found
end

---Runs lines in the interpreter of their document.
---@param client vim.lsp.Client
---@param buffer integer
---@param cell codebeaker.Cell
---@param wishes table what the command takes beside the document: `line` or `range`
---@param on_end? fun(well: boolean)
local function run(client, buffer, cell, wishes, on_end)
  local config = require("codebeaker.config").get()
  local name = vim.fs.basename(vim.api.nvim_buf_get_name(buffer))
  local title = ("%s:%d-%d"):format(name, cell.first_row + 1, cell.last_row + 1)
  local terminal = require("codebeaker.terminal").get(require("codebeaker.run").key(buffer), name)
  if config.output.open then
    terminal:open(config.output.focus)
  end
  terminal:begin(title)
  local region = require("codebeaker.inline").region(buffer, cell.first_row, cell.last_row)
  local argument = vim.tbl_extend("error", wishes, {
    uri = vim.uri_from_bufnr(buffer),
    timeoutMs = config.timeout_ms,
    session = require("codebeaker.session").own(client),
  })
  require("codebeaker.client").command(client, RUN, argument, function(err, result)
    if err then
      terminal:connect(nil)
      terminal:note(err.message, "\27[31m")
      require("codebeaker.say").failure(err)
      return
    end
    contexts[result.contextId] = buffer
    ---@type codebeaker.Execution
    local execution = {
      id = result.executionId,
      session_id = result.sessionId,
      client_id = client.id,
      buffer = buffer,
      title = title,
      terminal = terminal,
      takes_input = false,
      has_pty = false,
      own_session = false,
      region = region,
      state = "queued",
      tail = "",
      on_end = on_end,
    }
    terminal:connect(execution)
    require("codebeaker.execution").register(execution)
  end, { quiet = true, buffer = buffer })
end

---Runs the next one, as long as all goes well.
---@param queue codebeaker.CellQueue
local function continue(queue)
  local mark = table.remove(queue.marks, 1)
  if not mark or not vim.api.nvim_buf_is_loaded(queue.buffer) then
    return
  end
  local row = vim.api.nvim_buf_get_extmark_by_id(queue.buffer, namespace, mark, {})[1]
  vim.api.nvim_buf_del_extmark(queue.buffer, namespace, mark)
  find(queue.client, queue.buffer, function(cells)
    local cell = cells[index_at(cells, row or 0)]
    run(queue.client, queue.buffer, cell, { line = cell.first_row }, function(well)
      if well then
        continue(queue)
      elseif #queue.marks > 0 then
        require("codebeaker.say").info(("%d cells that come after it were not run"):format(#queue.marks))
      end
    end)
  end)
end

---Runs cells.
---@param buffer integer
---@param scope codebeaker.CellScope
---@param row? integer of the one that is meant; else the cursor's
function M.run(buffer, scope, row)
  row = row or vim.api.nvim_win_get_cursor(0)[1] - 1
  with_client(buffer, function(client)
    find(client, buffer, function(cells)
      local at = index_at(cells, row)
      local first = (scope == "above" or scope == "all") and 1 or at
      local last = scope == "above" and at - 1 or scope == "cell" and at or #cells
      if last < first then
        require("codebeaker.say").info("there is no cell above this one")
        return
      end
      local marks = vim.tbl_map(function(cell)
        return vim.api.nvim_buf_set_extmark(buffer, namespace, cell.first_row, 0, {})
      end, vim.list_slice(cells, first, last))
      continue({ client = client, buffer = buffer, marks = marks })
    end)
  end)
end

---Runs lines as a cell.
---@param buffer integer
---@param range { [1]: integer, [2]: integer } first and last line, from 1
function M.run_range(buffer, range)
  with_client(buffer, function(client)
    local wishes =
      { range = { start = { line = range[1] - 1, character = 0 }, ["end"] = { line = range[2], character = 0 } } }
    run(client, buffer, { first_row = range[1] - 1, last_row = range[2] - 1 }, wishes)
  end)
end

---What the lenses *Run cell*, *Run above* and *Run below* do.
---@param argument { uri: string, line: integer, scope?: codebeaker.CellScope }
function M.lens(argument)
  M.run(vim.uri_to_bufnr(argument.uri), argument.scope or "cell", argument.line)
end

---Goes to a cell.
---@param buffer integer
---@param step integer 1 for the next, -1 for the one before
function M.go(buffer, step)
  with_client(buffer, function(client)
    find(client, buffer, function(cells)
      local window = vim.fn.bufwinid(buffer)
      if window == -1 then
        return
      end
      local row = vim.api.nvim_win_get_cursor(window)[1] - 1
      local at = index_at(cells, row)
      -- From within a cell, the one before is its own beginning.
      local back = step < 0 and row > cells[at].first_row and 1 or 0
      local cell = cells[at + step + back]
      if cell then
        vim.api.nvim_win_set_cursor(window, { cell.first_row + 1, 0 })
      end
    end)
  end)
end

---Starts the interpreter of a buffer anew.
---@param buffer integer
function M.restart(buffer)
  with_client(buffer, function(client)
    local argument = { uri = vim.uri_from_bufnr(buffer) }
    require("codebeaker.client").command(client, RESTART, argument, function(err)
      if not err then
        require("codebeaker.say").info("the interpreter began anew: nothing is left of what it had")
      end
    end, { buffer = buffer })
  end)
end

---@param params codebeaker.ContextStateChanged
function M.changed(params)
  local buffer = contexts[params.contextId]
  if not buffer or params.state ~= "crashed" then
    return
  end
  local name = vim.api.nvim_buf_is_valid(buffer) and vim.fs.basename(vim.api.nvim_buf_get_name(buffer)) or "a buffer"
  require("codebeaker.say").warn(
    ("the interpreter of %s is gone (%s); `:Codebeaker cell restart`"):format(name, params.reason or "?")
  )
end

return M
