# A tree that is to lead whoever copies it out of the place that it is copied to.
os.makedirs("/workspace/tree/directory")
os.chdir("/workspace/tree")
write("directory/planted", b"planted")
write("file", b"taken")
write("special", b"")
os.chmod("special", 0o6755)
links = {
    "up": "..",
    "absolute": "/etc",
    "here": ".",
    "through": "here/../../outside",
    "directory/far": "../../outside",
    "directory/in": "../file",
}
for name, target in links.items():
    os.symlink(target, name)
say("planted", "worked", len(links))
