// Charts show the point nearest to the pointer; a drag zooms in, and a double click shows the whole chart again.
(function () {
  "use strict";
  var tip = document.getElementById("tip");
  document.querySelectorAll(".chart").forEach(function (figure) {
    var svg = figure.querySelector("svg");
    var chart = JSON.parse(figure.dataset.points);
    var place = chart.place, whole = svg.getAttribute("viewBox"), from = null, box = null;

    function across(value, values, pixels) {
      return pixels[0] + (value - values[0]) / (values[1] - values[0]) * (pixels[1] - pixels[0]);
    }
    var points = [];
    chart.curves.forEach(function (curve) {
      curve[1].forEach(function (point) {
        var x = chart.logarithmic[0] ? Math.log10(point[0]) : point[0];
        var y = chart.logarithmic[1] ? Math.log10(point[1]) : point[1];
        if (isFinite(x) && isFinite(y)) {
          points.push([across(x, place.x_values, place.x_pixels), across(y, place.y_values, place.y_pixels), curve[0], point]);
        }
      });
    });
    function at(event) {
      return new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    }
    function hide() { tip.hidden = true; }

    svg.addEventListener("pointermove", function (event) {
      var p = at(event), best = null, least = 900;
      if (from) {
        box.setAttribute("x", Math.min(p.x, from.x)); box.setAttribute("width", Math.abs(p.x - from.x));
        box.setAttribute("y", Math.min(p.y, from.y)); box.setAttribute("height", Math.abs(p.y - from.y));
      }
      points.forEach(function (point) {
        var distance = (point[0] - p.x) * (point[0] - p.x) + (point[1] - p.y) * (point[1] - p.y);
        if (distance < least) { least = distance; best = point; }
      });
      if (!best) { return hide(); }
      var name = chart.curves.length > 1 ? best[2] + ": " : "";
      tip.textContent = name + chart.axes[0] + " " + best[3][0] + ", " + chart.axes[1] + " " + best[3][1];
      tip.hidden = false;
      var left = event.pageX + 14;
      if (left + tip.offsetWidth > document.documentElement.clientWidth) { left = Math.max(4, event.pageX - 14 - tip.offsetWidth); }
      tip.style.left = left + "px";
      tip.style.top = event.pageY - 34 + "px";
    });
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("pointerdown", function (event) {
      if (event.pointerType === "touch") { return; }
      event.preventDefault();
      from = at(event);
      box = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      box.setAttribute("style", "fill: var(--accent); opacity: .2");
      svg.appendChild(box);
      svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointerup", function (event) {
      if (!from) { return; }
      var to = at(event), width = Math.abs(to.x - from.x), height = Math.abs(to.y - from.y);
      box.remove();
      if (width > 8 && height > 8) {
        svg.setAttribute("viewBox", [Math.min(to.x, from.x), Math.min(to.y, from.y), width, height].join(" "));
      }
      from = box = null;
    });
    svg.addEventListener("dblclick", function () { svg.setAttribute("viewBox", whole); });
  });
})();
