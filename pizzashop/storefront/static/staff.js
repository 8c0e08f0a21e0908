// What the staff's pages do by themselves: times count on, and what becomes late turns amber.
import "./counting.js";
import "./marks.js";
