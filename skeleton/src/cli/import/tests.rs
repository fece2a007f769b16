mod arrays;
mod poses;
