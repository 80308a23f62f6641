--- What went wrong and the calls that led there, as a quickfix list. The daemon found them; nothing is parsed here.

local M = {}

---@param uri string
---@param range lsp.Range
---@param text string
---@param kind string
---@return vim.quickfix.entry
local function item(uri, range, text, kind)
  return {
    bufnr = vim.uri_to_bufnr(uri),
    lnum = range.start.line + 1,
    col = range.start.character + 1,
    text = text,
    type = kind,
  }
end

---@param diagnostic vim.Diagnostic
---@param items vim.quickfix.entry[]
local function add(diagnostic, items)
  local lsp = diagnostic.user_data and diagnostic.user_data.lsp or {}
  items[#items + 1] = {
    bufnr = diagnostic.bufnr,
    lnum = diagnostic.lnum + 1,
    col = diagnostic.col + 1,
    text = diagnostic.message,
    type = "E",
  }
  for _, related in ipairs(lsp.relatedInformation or {}) do
    items[#items + 1] = item(related.location.uri, related.location.range, related.message, "I")
  end
end

---Opens the quickfix list with what the last runs came to grief in.
function M.open()
  local items = {}
  for _, client in ipairs(require("codebeaker.client").all()) do
    local namespace = vim.lsp.diagnostic.get_namespace(client.id)
    for _, diagnostic in ipairs(vim.diagnostic.get(nil, { namespace = namespace })) do
      add(diagnostic, items)
    end
  end
  if #items == 0 then
    require("codebeaker.say").info("nothing went wrong, or what did was edited since")
    return
  end
  vim.fn.setqflist({}, " ", { title = "codebeaker: what went wrong", items = items })
  vim.cmd("botright copen")
end

return M
