--- Lenses and diagnostics in what is opened. The daemon says what it can run; nothing here knows a language.

local M = {}

local REFRESH = { "BufEnter", "InsertLeave", "TextChanged" }

---@param client vim.lsp.Client
---@param buffer integer
---@return boolean
local function wanted(client, buffer)
  local filetypes = require("codebeaker.config").get().filetypes
  if filetypes then
    return vim.list_contains(filetypes, vim.bo[buffer].filetype)
  end
  local engine = require("codebeaker.engine").of(client, buffer)
  return engine ~= nil and engine.available
end

---Has the lenses of a buffer asked for and shown.
---@param client vim.lsp.Client
---@param buffer integer
local function refresh(client, buffer)
  local method = "textDocument/codeLens"
  local params = { textDocument = { uri = vim.uri_from_bufnr(buffer) } }
  require("codebeaker.client").request(client, method, params, function(err, lenses)
    -- Neovim sorts those of a line by their column, and leaves the order of equal ones to chance.
    local count_in = {}
    for _, lens in ipairs(lenses or {}) do
      local line = lens.range.start.line
      count_in[line] = (count_in[line] or -1) + 1
      lens.range.start.character = count_in[line]
    end
    if not err and vim.api.nvim_buf_is_loaded(buffer) then
      vim.lsp.codelens.on_codelens(nil, lenses, { client_id = client.id, bufnr = buffer, method = method })
    end
  end, { quiet = true, buffer = buffer })
end

---Shows the lenses of a buffer, now and when it changes.
---@param client vim.lsp.Client
---@param buffer integer
function M.lenses(client, buffer)
  if not require("codebeaker.config").get().lenses then
    return
  end
  refresh(client, buffer)
  vim.api.nvim_create_autocmd(REFRESH, {
    group = vim.api.nvim_create_augroup("codebeaker.lenses." .. buffer, { clear = true }),
    buffer = buffer,
    desc = "Refresh the lenses of codebeaker",
    callback = function()
      local now = require("codebeaker.client").of(buffer)
      if not now then
        return true
      end
      refresh(now, buffer)
    end,
  })
end

---When there is no daemon: looks again when the user comes back, as after having installed it.
local function wait_for_binary()
  vim.api.nvim_create_autocmd("FocusGained", {
    group = vim.api.nvim_create_augroup("codebeaker.missing", { clear = true }),
    desc = "Look for codebeaker again",
    callback = function()
      if not require("codebeaker.binary").find() then
        return
      end
      for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
        if vim.api.nvim_buf_is_loaded(buffer) then
          M.automatically(buffer)
        end
      end
      return true
    end,
  })
end

---Starts the daemon for a buffer that was opened, where that is wanted. Says nothing of what is missing: nobody asked.
---@param buffer integer
function M.automatically(buffer)
  if not vim.api.nvim_buf_is_valid(buffer) or not vim.api.nvim_buf_is_loaded(buffer) then
    return
  end
  local config = require("codebeaker.config").get()
  local filetype = vim.bo[buffer].filetype
  if not config.autostart or filetype == "" or vim.bo[buffer].buftype ~= "" then
    return
  end
  if vim.api.nvim_buf_get_name(buffer) == "" then
    return
  end
  if config.filetypes and not vim.list_contains(config.filetypes, filetype) then
    return
  end
  local clients = require("codebeaker.client")
  local known = clients.all()[1]
  if known and known.initialized and not wanted(known, buffer) then
    return
  end
  local id = clients.start(buffer)
  if not id then
    wait_for_binary()
    return
  end
  clients.when_ready(id, function(client)
    if not client or not vim.api.nvim_buf_is_valid(buffer) then
      return
    end
    if wanted(client, buffer) then
      M.lenses(client, buffer)
    else
      vim.lsp.buf_detach_client(buffer, client.id)
    end
  end)
end

return M
