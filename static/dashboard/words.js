// Words that scripts write, in the language of the page: the server hands them on in an attribute of <body>.
export const words = JSON.parse(document.body.dataset.taskhubWords ?? "{}");

/** Put values into the places of a text: "%(n)s selected". */
export const phrase = (text, values) => text.replace(/%\((\w+)\)s/g, (place, name) => values[name] ?? place);
