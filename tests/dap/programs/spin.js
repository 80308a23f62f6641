let turns = 0;

function spin() {
  turns = turns + 1;
}

console.log("spinning");
for (;;) {
  spin();
}
