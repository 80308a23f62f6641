;;; What a person has in Emacs without a package of ours: eglot, and what README.md says to put into the configuration.
;;;   emacs --batch -q -l tests/clients/eglot.el DIRECTORY    -*- lexical-binding: t -*-

(require 'package)
(package-initialize)
(require 'eglot)
(require 'flymake)
(require 'cl-lib)

(defvar timeout-s 30)
(defvar folder (file-name-as-directory (expand-file-name (or (pop command-line-args-left) (error "A directory to work in?")))))
(defvar daemon (expand-file-name (or (getenv "CODEBEAKER_BIN") "target/debug/codebeaker")))
(defvar told "" "What Emacs has shown.")

(advice-add 'message :before
            (lambda (format &rest arguments)
              (when format (setq told (concat told (apply #'format-message format arguments) "\n")))))

(defun say (&rest words) (princ (concat (apply #'format words) "\n")))

(defun await (what condition)
  (let ((deadline (+ (float-time) timeout-s)) found)
    (while (not (setq found (funcall condition)))
      (when (> (float-time) deadline) (error "Waited in vain for %s: %s" what told))
      (accept-process-output nil 0.02))
    found))

(defun await-told (text)
  (await text (lambda () (string-match-p (regexp-quote text) told))))

(defun type (&rest lines)
  (setq told "")
  (erase-buffer)
  (insert (mapconcat #'identity lines "\n") "\n")
  (goto-char (point-min)))

;; The configuration of README.md, as it stands there.
(push (file-name-directory daemon) exec-path)
(setenv "PATH" (concat (file-name-directory daemon) path-separator (getenv "PATH")))
(with-temp-buffer
  (insert-file-contents "README.md")
  (search-forward "Emacs, with eglot")
  (search-forward "```elisp\n")
  (let ((start (point)))
    (search-forward "\n```")
    (eval-region start (match-beginning 0))))

(make-directory (concat folder ".git"))
(write-region "print('as it was saved')\n" nil (concat folder "main.py"))
(find-file (concat folder "main.py"))
(python-mode)
(apply #'eglot (eglot--guess-contact))
(await "the handshake" #'eglot-current-server)
(unless (eglot-managed-p) (error "The buffer is not eglot's: %s" told))

;; Typed, and never saved.
(type "print('typed, 😀')")
(codebeaker-run)
(await-told "main.py: ended well")
(await-told "typed, 😀")
(say "ran, unsaved")

(type "x = 1" "" "1 / 0")
(codebeaker-run)
(await-told "ZeroDivisionError: division by zero")
(flymake-mode 1)
(let ((mark (await "the mark" (lambda () (flymake-start) (car (flymake-diagnostics))))))
  (unless (and (= (line-number-at-pos (flymake-diagnostic-beg mark)) 3)
               (string-match-p "ZeroDivisionError: division by zero" (flymake-diagnostic-text mark)))
    (error "The mark is elsewhere: %S" mark)))
(say "a failure is marked in its line")

(type "# %%" "x = 41" "# %%" "x + 1")
(codebeaker-run-cell)
(await-told "main.py, line 1: ended well")
(goto-char (point-max))
(forward-line -1)
(setq told "")
(codebeaker-run-cell)
(await-told "main.py, line 3: ended well")
(await-told "42")
(say "cells keep what they define")

(let ((stopped (eglot-execute-command (eglot-current-server) "codebeaker.stop" [])))
  (unless (equal (plist-get stopped :executionIds) []) (error "Something runs: %S" stopped)))
(set-buffer-modified-p nil)
(eglot-shutdown (eglot-current-server))
(say "ended")
