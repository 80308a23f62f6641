std = "luajit"
read_globals = { "vim" }
-- Options, variables and environment are set by assignment; the message for old Neovims has to be a global.
globals = { "vim.g", "vim.b", "vim.o", "vim.bo", "vim.wo", "vim.env", "vim.ui", "vim.notify", "codebeaker_is_too_new" }
max_line_length = 120
files["spec"] = { std = "+busted" }
