import https from "node:https";

https
  .get(process.argv[2] + "/echo", (answer) => {
    let text = "";
    answer.on("data", (piece) => (text += piece));
    answer.on("end", () => {
      if (answer.statusCode !== 200) throw new Error(`${answer.statusCode} ${text}`);
      console.log(answer.statusCode);
    });
  });
