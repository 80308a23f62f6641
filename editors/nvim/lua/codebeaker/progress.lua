--- What takes a while and was asked for here: told in the last line while it lasts, ended by `:Codebeaker stop`.

local M = {}

---@class codebeaker.Progress
---@field client_id integer
---@field request? integer
---@field title string
---@field message? string
---@field percentage? integer

---@type table<string, codebeaker.Progress>
local under_way = {}
local count = 0

---@param progress codebeaker.Progress
---@return string
local function words(progress)
  local parts = { progress.title }
  parts[#parts + 1] = progress.percentage and ("%d %%"):format(progress.percentage)
  parts[#parts + 1] = progress.message
  return require("codebeaker.ansi").plain(table.concat(parts, "  ")):gsub("%s+", " "):sub(1, vim.o.columns - 20)
end

---@param text string
local function echo(text)
  vim.api.nvim_echo({ { text } }, false, {})
end

local function watch()
  vim.api.nvim_create_autocmd("LspProgress", {
    group = vim.api.nvim_create_augroup("codebeaker.progress", { clear = true }),
    desc = "Say how far it is what was asked of codebeaker",
    callback = function(event)
      local params = event.data.params
      local progress = under_way[params.token]
      local value = params.value
      if not progress or type(value) ~= "table" or value.kind == "end" then
        return
      end
      progress.title = value.title or progress.title
      progress.message = value.message or progress.message
      progress.percentage = value.percentage or progress.percentage
      echo("codebeaker: " .. words(progress))
      vim.cmd.redrawstatus({ bang = true })
    end,
  })
end

---Asks the daemon for something that it reports the progress of.
---@param client vim.lsp.Client
---@param title string what to call it until the daemon does
---@param ask "request"|"command"
---@param name string of a method, or of a command
---@param params table
---@param callback fun(err?: codebeaker.Error, result?: any)
function M.follow(client, title, ask, name, params, callback)
  if not next(under_way) then
    watch()
  end
  count = count + 1
  local token = "codebeaker " .. count
  under_way[token] = { client_id = client.id, title = title }
  params.workDoneToken = token
  echo(("codebeaker: %s"):format(title))
  local request = require("codebeaker.client")[ask](client, name, params, function(err, result)
    under_way[token] = nil
    echo("")
    vim.cmd.redrawstatus({ bang = true })
    callback(err, result)
  end, { quiet = true })
  if under_way[token] then
    under_way[token].request = request
  end
end

---What a status line shows of it.
---@return string?
function M.line()
  local _, progress = next(under_way)
  return progress and words(progress)
end

---Gives up what is under way.
---@return boolean whether something was
function M.cancel()
  local any = false
  for _, progress in pairs(under_way) do
    local client = vim.lsp.get_client_by_id(progress.client_id)
    if client and progress.request then
      any = true
      if vim.fn.has("nvim-0.11") == 1 then
        client:cancel_request(progress.request)
      else
        ---@diagnostic disable-next-line: param-type-mismatch
        client.cancel_request(progress.request)
      end
    end
  end
  return any
end

return M
