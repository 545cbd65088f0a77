// Before anything is drawn: the theme, density and wall mode that this browser was told to keep.
const kept = (name) => localStorage.getItem(`andon-${name}`);
for (const name of ["theme", "density"]) document.documentElement.dataset[name] = kept(name) ?? "auto";
if (new URLSearchParams(location.search).has("wall")) document.documentElement.dataset.wall = "";
